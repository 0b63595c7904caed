"""One module per resource; every route has a name, which is also its permission."""
