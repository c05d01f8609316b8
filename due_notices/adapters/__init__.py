"""The outside world, one module per technology. None of them knows another; `due_notices.bootstrap` joins them."""
