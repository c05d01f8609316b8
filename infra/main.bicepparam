using 'main.bicep'

import { addressRanges, entries, valueOr } from 'modules/types.bicep'

// Every value comes from the environment (azd: `azd env set NAME value`; else the file prod.env). A variable that is
// missing or empty means the default of main.bicep; an empty DAYS_BEFORE_DUE (no reminder before the due date) or
// USER_FILTER (all users) says something and stays empty. Only ALERT_EMAIL_ADDRESSES must be given: without it the file
// does not compile.

// ---- Names and places ----

param workloadName = valueOr(readEnvironmentVariable('WORKLOAD_NAME', ''), 'duenotices')
param environmentName = valueOr(readEnvironmentVariable('AZURE_ENV_NAME', ''), 'prod')

// ---- People ----

param alertEmailAddresses = empty(entries(readEnvironmentVariable('ALERT_EMAIL_ADDRESSES')))
  ? fail('ALERT_EMAIL_ADDRESSES names no address')
  : entries(readEnvironmentVariable('ALERT_EMAIL_ADDRESSES'))
param vaultOfficerObjectId = valueOr(readEnvironmentVariable('VAULT_OFFICER_OBJECT_ID', ''), '')
param vaultOfficerPrincipalType = empty(readEnvironmentVariable('VAULT_OFFICER_PRINCIPAL_TYPE', ''))
  ? 'User'
  : readEnvironmentVariable('VAULT_OFFICER_PRINCIPAL_TYPE', 'User')

// ---- App registration ----

param existingGraphClientId = valueOr(readEnvironmentVariable('EXISTING_GRAPH_CLIENT_ID', ''), '')
param graphAppOwnerObjectIds = entries(readEnvironmentVariable('GRAPH_APP_OWNER_OBJECT_IDS', ''))
param grantConsent = bool(valueOr(readEnvironmentVariable('GRANT_CONSENT', ''), 'true'))
param graphCredential = empty(readEnvironmentVariable('GRAPH_CREDENTIAL', ''))
  ? 'secret'
  : readEnvironmentVariable('GRAPH_CREDENTIAL', 'secret')
param keyVaultSecretName = valueOr(readEnvironmentVariable('KEY_VAULT_SECRET_NAME', ''), 'graph-client-secret')

// ---- Notices ----

param dueDateAttribute = valueOr(readEnvironmentVariable('DUE_DATE_ATTRIBUTE', ''), '')
param optOutAttribute = valueOr(readEnvironmentVariable('OPT_OUT_ATTRIBUTE', ''), '')
param daysBeforeDue = readEnvironmentVariable('DAYS_BEFORE_DUE', '7,3,1,0')
param daysAfterDue = valueOr(readEnvironmentVariable('DAYS_AFTER_DUE', ''), '')
param catchUpDays = int(valueOr(readEnvironmentVariable('CATCH_UP_DAYS', ''), '3'))
param lookBackDays = valueOr(readEnvironmentVariable('LOOK_BACK_DAYS', ''), '')
param lookAgainHours = valueOr(readEnvironmentVariable('LOOK_AGAIN_HOURS', ''), '')
param readParts = valueOr(readEnvironmentVariable('READ_PARTS', ''), 'auto')
param scaleOut = int(valueOr(readEnvironmentVariable('SCALE_OUT', ''), '0'))
param fallLimit = int(valueOr(readEnvironmentVariable('FALL_LIMIT', ''), '20'))
param businessTimeZone = valueOr(readEnvironmentVariable('BUSINESS_TIME_ZONE', ''), 'UTC')
param sendWindow = valueOr(readEnvironmentVariable('SEND_WINDOW', ''), '08:00-18:00')
param businessCalendar = valueOr(readEnvironmentVariable('BUSINESS_CALENDAR', ''), '')
param closedDays = valueOr(readEnvironmentVariable('CLOSED_DAYS', ''), '')
param openDays = valueOr(readEnvironmentVariable('OPEN_DAYS', ''), '')
param weekend = valueOr(readEnvironmentVariable('WEEKEND', ''), '')
param noticeSchedule = valueOr(readEnvironmentVariable('NOTICE_SCHEDULE', ''), '0 0 * * * *')
param noticeLimit = int(valueOr(readEnvironmentVariable('NOTICE_LIMIT', ''), '10000'))
param recipientAllowList = valueOr(readEnvironmentVariable('RECIPIENT_ALLOW_LIST', ''), '')
param userFilter = readEnvironmentVariable('USER_FILTER', 'accountEnabled eq true')
param ledgerTable = valueOr(readEnvironmentVariable('LEDGER_TABLE', ''), 'duenotices')
param ledgerRetentionDays = int(valueOr(readEnvironmentVariable('LEDGER_RETENTION_DAYS', ''), '400'))

// ---- Alarms and logs ----

param monthlyBudget = int(valueOr(readEnvironmentVariable('MONTHLY_BUDGET', ''), '0'))
param budgetStartDate = valueOr(readEnvironmentVariable('BUDGET_START_DATE', ''), '')

// ---- Platform ----

param storageSkuName = empty(readEnvironmentVariable('STORAGE_SKU_NAME', ''))
  ? 'Standard_ZRS'
  : readEnvironmentVariable('STORAGE_SKU_NAME', 'Standard_ZRS')
param deleteLocks = bool(valueOr(readEnvironmentVariable('DELETE_LOCKS', ''), 'true'))

// ---- Network ----

param privateNetwork = bool(valueOr(readEnvironmentVariable('PRIVATE_NETWORK', ''), 'false'))
param virtualNetworkAddressPrefix = valueOr(
  readEnvironmentVariable('VIRTUAL_NETWORK_ADDRESS_PREFIX', ''),
  '10.80.0.0/24'
)
param allowedIpRanges = addressRanges(readEnvironmentVariable('ALLOWED_IP_RANGES', ''))
