"""Smaller and quicker variants of a fitted model, made without fitting again, and what each costs."""
