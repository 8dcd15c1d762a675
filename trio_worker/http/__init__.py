"""What a request and its response are in every protocol."""
