"""The rules of a request and its response that hold in every protocol."""
