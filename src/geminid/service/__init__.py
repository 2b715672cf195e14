"""What the method does: one class for each proto service, one method for each RPC."""
