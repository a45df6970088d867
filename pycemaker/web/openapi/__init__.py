"""The OpenAPI 3.1 document of every route, out of the tables that the routes themselves read."""
