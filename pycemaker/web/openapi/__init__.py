"""The description of every route (OpenAPI 3.1), made of the tables that the routes themselves are made of."""
