"""Forecasts of one metric's hours: methods, their backtest, bands, and the time until a limit. Pure."""
