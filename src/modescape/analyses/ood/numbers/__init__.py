"""A regression on other data: is the predicted variance larger there?"""
