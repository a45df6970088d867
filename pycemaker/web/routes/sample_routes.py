"""The route `/samples`: the door of programs that have neither Prometheus nor a driver of MongoDB."""

from bottle import Bottle, request

from pycemaker.errors import InvalidSamples, OnlyHere
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, parse_application
from pycemaker.parsing.route_paths import SAMPLES_PATH, with_application
from pycemaker.web.error_handlers import json_response
from pycemaker.web.posted_samples import read_samples
from pycemaker.web.services import Services


def add_samples(app: Bottle, services: Services) -> None:
    """Add `/samples`, and `/apps/<application>/samples`: a first sample makes an application."""

    @app.post(with_application(SAMPLES_PATH))  # type: ignore[untyped-decorator]
    def post_samples(application: str = DEFAULT_APPLICATION) -> bytes:
        services.access_control.check_token(request.environ)
        if not services.access_control.may_see_addresses(request.environ):  # without a token from this machine alone
            raise OnlyHere
        encoding = request.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
        steps = services.collect_file.steps
        posted = read_samples(
            request.environ["wsgi.input"].read(), encoding, parse_application(application), steps, services.clock()
        )
        right = posted.count - posted.rejected_count
        stored = services.sample_writer.write(posted.documents)
        if posted.rejected_count:
            raise InvalidSamples(
                count=posted.count,
                rejected_count=posted.rejected_count,
                rejected=posted.rejected,
                stored=stored,
                repeated=right - stored,
            )
        return json_response({"msg": "Amostras gravadas.", "stored": stored, "repeated": right - stored})
