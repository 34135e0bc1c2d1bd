"""The built-in recipes, one YAML file each; the first line says what it reproduces."""
