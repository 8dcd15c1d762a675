"""Files that are served in the app's place, as uWSGI's `static-map`, `check-static` and their like name them."""
