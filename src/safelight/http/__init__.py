"""Thin: parse, call one step, render."""
