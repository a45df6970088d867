"""What a supervisor asks: whether this process lives, whether it can work, what it has counted."""

from __future__ import annotations

from bottle import Bottle, request, response

from pycemaker.errors import NotReady
from pycemaker.web import response_bodies
from pycemaker.web.error_handling import json_response
from pycemaker.web.exposition import exposition
from pycemaker.web.readiness import readiness
from pycemaker.web.services import Services

_READY = "Pronto para atender."


def add_probes(app: Bottle, services: Services) -> None:
    """`/health`, `/ready` and `/metrics`."""
    ready = readiness(services)
    write = exposition(services, ready)

    @app.get("/health")  # type: ignore[untyped-decorator]
    def health() -> bytes:
        """The process answers: nothing is looked at, so that no other part's fault gets it restarted."""
        response.set_header("Cache-Control", "no-store")
        return json_response({"msg": "O processo está no ar."})

    @app.get("/ready")  # type: ignore[untyped-decorator]
    def is_ready() -> bytes:
        response.set_header("Cache-Control", "no-store")
        findings = ready.look()
        lacking = [name for name, finding in findings.items() if not finding.ok]
        failed = [name for name in lacking if findings[name].is_vital]
        checks = {name: finding.entry() for name, finding in findings.items()}
        if not failed:
            told = f"Pronto para atender, menos o que falta: veja {', '.join(lacking)}." if lacking else _READY
            return json_response({"msg": told, "checks": checks})
        not_ready = NotReady(failed=", ".join(failed), checks=checks)
        response.status = not_ready.status
        response.set_header("Retry-After", str(not_ready.retry_after_seconds))
        return json_response(response_bodies.error(not_ready))

    @app.get("/metrics")  # type: ignore[untyped-decorator]
    def metrics() -> bytes:
        response.set_header("Cache-Control", "no-store")
        body, response.content_type = write(request.environ.get("HTTP_ACCEPT", ""))
        return body
