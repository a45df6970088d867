"""The route `/apps`: every application with its newest samples, health and alerts."""

from bottle import Bottle, response

from pycemaker.cache.newest_by_application import Newest, read_newest
from pycemaker.mongo.single_flight import SingleFlight
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.monitor.application_scores import ApplicationScores
from pycemaker.parsing.route_paths import APPS_PATH
from pycemaker.web import response_bodies
from pycemaker.web.error_handlers import JSON
from pycemaker.web.services import Services


def add_applications(app: Bottle, services: Services) -> None:
    """Add `/apps`; however many callers ask at a time, the index is read once."""
    reading, scores = SingleFlight[Newest](), ApplicationScores(services.sample_means)

    @app.get(APPS_PATH)  # type: ignore[untyped-decorator]
    def applications() -> bytes:
        response.content_type = JSON
        response.set_header("Cache-Control", "no-cache")
        newest = reading.run(lambda: read_newest(services.store))
        health = scores.read(services.store, newest, services.clock())
        return response_bodies.applications(newest, health, AlertHistory(services.store.database).open())
