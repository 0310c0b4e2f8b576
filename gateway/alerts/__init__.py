"""Tells people: webhooks of budgets that come to an end, and of targets that go down and come back."""
