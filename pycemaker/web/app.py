"""The WSGI application: every route, and the middleware around them."""

from functools import partial
from typing import Any

from bottle import Bottle

from pycemaker.metrics import NAMES as METRIC_NAMES
from pycemaker.web.access.csrf_protection import CsrfProtection, refuse_preflights
from pycemaker.web.access.trusted_origins import TrustedOrigins
from pycemaker.web.error_handlers import handle_errors, handle_http_error, refuse_garbled_path
from pycemaker.web.middleware import bulkhead
from pycemaker.web.middleware.access_log import log_requests
from pycemaker.web.middleware.cors import allow_origins
from pycemaker.web.middleware.in_flight import bound_answers
from pycemaker.web.middleware.path_spelling import normalize_paths
from pycemaker.web.middleware.request_bodies import limit_bodies
from pycemaker.web.middleware.response_cache import cache_responses
from pycemaker.web.middleware.security_headers import add_security_headers
from pycemaker.web.route_methods import methods_at
from pycemaker.web.routes.alert_form_routes import add_alert_forms
from pycemaker.web.routes.alert_link_routes import add_alert_links
from pycemaker.web.routes.alert_routes import add_alerts
from pycemaker.web.routes.application_routes import add_applications
from pycemaker.web.routes.forecast_routes import add_forecasts
from pycemaker.web.routes.health_routes import add_health
from pycemaker.web.routes.home_routes import add_home
from pycemaker.web.routes.job_routes import add_jobs
from pycemaker.web.routes.metric_routes import add_metrics
from pycemaker.web.routes.notebook_routes import add_notebooks
from pycemaker.web.routes.openapi_routes import add_openapi
from pycemaker.web.routes.probe_routes import add_probes
from pycemaker.web.routes.report_routes import add_report
from pycemaker.web.routes.sample_routes import add_samples
from pycemaker.web.routes.schedule_routes import add_schedules
from pycemaker.web.routes.stored_report_routes import add_stored_reports
from pycemaker.web.routes.unsubscribe_routes import add_unsubscribe
from pycemaker.web.services import Services
from pycemaker.web.wsgi import count_traffic


def create_app(services: Services) -> Any:
    """The WSGI application over these services. No I/O happens until a request comes."""
    origins = services.settings.cors_origins
    trusted_origins = TrustedOrigins(services.settings.public_url, origins)
    app = create_routes(services, trusted_origins)
    limited = limit_bodies(add_security_headers(app), services.settings.trusted_proxies)
    cached = cache_responses(limited, services.store.response_cache_bytes)
    bounded = bound_answers(bulkhead.refuse_expired(cached), services.in_flight)
    shared = refuse_preflights(allow_origins(bounded, origins, partial(methods_at, app)), app, trusted_origins)
    first_segments = {route.rule.split("/")[1] for route in app.routes} | set(METRIC_NAMES)  # these stand for `<name>`
    normalized = normalize_paths(shared, services.settings.base_path, first_segments)
    return log_requests(count_traffic(normalized, services.traffic))


def create_routes(services: Services, trusted_origins: TrustedOrigins) -> Bottle:
    """Every route over these services, without the middleware."""
    app = Bottle()
    app.install(handle_errors)
    app.install(CsrfProtection(trusted_origins))
    app.add_hook("before_request", refuse_garbled_path)
    app.default_error_handler = partial(handle_http_error, base_path=services.settings.base_path)
    add_home(app, services)
    add_applications(app, services)
    add_probes(app, services)
    add_openapi(app, services)
    add_stored_reports(app, services)
    add_notebooks(app, services)
    add_unsubscribe(app, services)
    add_samples(app, services)
    add_schedules(app, services)
    add_jobs(app, services)
    add_alert_links(app, services)
    add_alert_forms(app, services)
    add_alerts(app, services)
    add_health(app, services)
    add_forecasts(app, services)
    add_metrics(app, services)
    add_report(app, services)
    return app
