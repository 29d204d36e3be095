"""Webhooks by HTTP."""
