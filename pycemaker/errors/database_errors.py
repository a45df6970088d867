"""Errors of MongoDB: unreachable, refusing the login or a right, without its indexes, or not started."""

from pycemaker.errors.base import PycemakerError


class DatabaseUnreachable(PycemakerError):
    """MongoDB did not answer in time, or broke off. Facts: `reason`, without credentials."""

    message = "MongoDB is not reachable: {reason}"
    status = 503
    sentence = "O banco de dados não está respondendo."


class DatabaseLoginRefused(DatabaseUnreachable):
    """The user, the password or `authSource` is wrong, or missing where MongoDB wants one. Facts: `reason`."""

    message = "MongoDB does not take the user and password of MONGO_DB_URL ({reason})"
    sentence = "O banco de dados não aceita o usuário e a senha de MONGO_DB_URL."


class DatabaseTlsFailed(DatabaseUnreachable):
    """One side speaks TLS and the other does not, or a certificate is not trusted. Facts: `reason`."""

    message = "no TLS with MongoDB as MONGO_DB_URL wants it ({reason})"
    sentence = "A conexão TLS com o banco de dados falhou: veja tls em MONGO_DB_URL."


class WrongReplicaSet(DatabaseUnreachable):
    """MongoDB answers, but its replica set has another name. Facts: `reason`."""

    message = "MongoDB belongs to no replica set of the name in MONGO_DB_URL ({reason})"
    sentence = "O banco de dados não é do conjunto de réplicas (replicaSet) de MONGO_DB_URL."


class NoPrimary(DatabaseUnreachable):
    """MongoDB answers, but no member of its replica set takes reads and writes. Facts: `reason`."""

    message = "MongoDB's replica set has no primary: not initiated, or most of its members are away ({reason})"
    sentence = (
        "O conjunto de réplicas do MongoDB está sem primário: não foi iniciado (rs.initiate), ou falta a maioria."
    )


class RightMissing(DatabaseUnreachable):
    """MongoDB answers, but the user lacks a right. Facts: `reason`."""

    message = "the user of MONGO_DB_URL may not do this ({reason})"
    sentence = "Falta um direito ao usuário de MONGO_DB_URL."


class NoRightToRead(RightMissing):
    """The user may not read the database or this collection. Facts: `reason`."""

    message = "the user of MONGO_DB_URL has no right to read ({reason})"
    sentence = "O usuário de MONGO_DB_URL não tem direito de ler este banco de dados."


class NoRightToWrite(RightMissing):
    """The user may not write, as every report needs. Facts: `reason`."""

    message = "the user of MONGO_DB_URL has no right to write ({reason})"
    sentence = (
        "O usuário de MONGO_DB_URL não tem direito de gravar: só as métricas são servidas, e nenhum relatório é feito."
    )


class NoRightToIndex(RightMissing):
    """The user may not make indexes, as the collections of reports need. Facts: `reason`."""

    message = "the user of MONGO_DB_URL has no right to make indexes ({reason})"
    sentence = "O usuário de MONGO_DB_URL não tem direito de criar índices, e sem eles nenhum relatório é feito."


class IndexesNotReady(DatabaseUnreachable):
    """The index that bounds a read is still being built. Facts: `reason`, the collection."""

    message = "the index of {reason} is still being built"
    retry_after_seconds = 2
    sentence = "O banco de dados ainda está sendo preparado. Tente de novo em instantes."


class DatabaseNotStarted(PycemakerError):
    """The embedded mongod could not be started. Facts: `reason`."""

    message = "the embedded MongoDB did not start: {reason}"
    status = 503
    sentence = "O banco de dados não está respondendo."
