"""The ways to deploy that the guide shows: a name, and the variables that a shell or azd has then."""

from __future__ import annotations

DEFAULT = {"ALERT_EMAIL_ADDRESSES": "duty@example.com"}
PRINCIPAL = "33333333-3333-3333-3333-333333333333"
CLIENT = "44444444-4444-4444-4444-444444444444"

VARIANTS: dict[str, dict[str, str]] = {
    "default": DEFAULT,
    "several-addresses": {"ALERT_EMAIL_ADDRESSES": "duty@example.com,second@example.com"},
    "private": DEFAULT | {"PRIVATE_NETWORK": "true"},
    "private-with-addresses": DEFAULT | {"PRIVATE_NETWORK": "true", "ALLOWED_IP_RANGES": "203.0.113.7,198.51.100.0/24"},
    "existing-registration": DEFAULT | {"EXISTING_GRAPH_CLIENT_ID": CLIENT},
    "certificate": DEFAULT | {"GRAPH_CREDENTIAL": "certificate"},
    "federated": DEFAULT | {"GRAPH_CREDENTIAL": "federated"},
    "federated-on-an-existing-registration": DEFAULT
    | {"GRAPH_CREDENTIAL": "federated", "EXISTING_GRAPH_CLIENT_ID": CLIENT},
    "no-consent": DEFAULT | {"GRANT_CONSENT": "false"},
    "officer": DEFAULT | {"VAULT_OFFICER_OBJECT_ID": PRINCIPAL},
    "officer-group": DEFAULT | {"VAULT_OFFICER_OBJECT_ID": PRINCIPAL, "VAULT_OFFICER_PRINCIPAL_TYPE": "Group"},
    "no-locks": DEFAULT | {"DELETE_LOCKS": "false"},
    "budget": DEFAULT | {"MONTHLY_BUDGET": "20", "BUDGET_START_DATE": "2026-12-01"},
    "scale-out": DEFAULT | {"SCALE_OUT": "16"},
    "scale-out-private": DEFAULT | {"SCALE_OUT": "1", "PRIVATE_NETWORK": "true"},
    "business-calendar": DEFAULT | {"BUSINESS_CALENDAR": "DE", "BUSINESS_TIME_ZONE": "Europe/Berlin"},
    "test-environment": DEFAULT
    | {"AZURE_ENV_NAME": "test", "RECIPIENT_ALLOW_LIST": "@example.com", "STORAGE_SKU_NAME": "Standard_LRS"},
}
