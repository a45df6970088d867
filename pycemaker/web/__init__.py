"""HTTP: routes, middleware, access control, pages, answers and the OpenAPI document. No other room knows HTTP."""
