"""The routes `/health` (the process lives), `/ready` (it can work) and `/metrics` (its counts)."""

from bottle import Bottle, request, response

from pycemaker.errors import NotReady
from pycemaker.telemetry.check_runner import FAIL, OK
from pycemaker.web import response_bodies
from pycemaker.web.error_handlers import json_response
from pycemaker.web.prometheus_text import exposition
from pycemaker.web.readiness import readiness
from pycemaker.web.services import Services

_READY = "Pronto para atender."


def add_probes(app: Bottle, services: Services) -> None:
    """Add `/health`, `/ready` and `/metrics`."""
    checks = readiness(services)
    write = exposition(services, checks)

    @app.get("/health")  # type: ignore[untyped-decorator]
    def health() -> bytes:
        """The process answers. Nothing is checked, so that no other part's fault gets it restarted."""
        response.set_header("Cache-Control", "no-store")
        return json_response({"msg": "O processo está no ar."})

    @app.get("/ready")  # type: ignore[untyped-decorator]
    def is_ready() -> bytes:
        response.set_header("Cache-Control", "no-store")
        outcomes = {result.name: result.outcome for result in checks.results()}
        lacking = [name for name, outcome in outcomes.items() if outcome.level != OK]
        failed = [name for name, outcome in outcomes.items() if outcome.level == FAIL]
        described = {name: response_bodies.check_outcome(outcome) for name, outcome in outcomes.items()}
        if not failed:
            message = f"Pronto para atender, menos o que falta: veja {', '.join(lacking)}." if lacking else _READY
            return json_response({"msg": message, "checks": described})
        not_ready = NotReady(failed=", ".join(failed), checks=described)
        response.status = not_ready.status
        response.set_header("Retry-After", str(not_ready.retry_after_seconds))
        return json_response(response_bodies.error(not_ready))

    @app.get("/metrics")  # type: ignore[untyped-decorator]
    def metrics() -> bytes:
        response.set_header("Cache-Control", "no-store")
        body, response.content_type = write(request.environ.get("HTTP_ACCEPT", ""))
        return body
