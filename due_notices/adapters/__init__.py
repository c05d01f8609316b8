"""The outside world, one module per technology. Those of different services share helpers; `bootstrap` joins them."""
