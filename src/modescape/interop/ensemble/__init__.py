"""Deployable ensembles: one module with stacked members, and files for other tools."""
