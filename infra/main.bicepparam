using 'main.bicep'

// Every value comes from the environment (azd: `azd env set NAME value`; else the file prod.env), with the default of main.bicep where there
// is one. Only ALERT_EMAIL_ADDRESSES must be given: without it the file does not compile.

// ---- Names and places ----

param workloadName = readEnvironmentVariable('WORKLOAD_NAME', 'duenotices')
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'prod')
param nameSalt = readEnvironmentVariable('NAME_SALT', '')

// ---- People ----

param alertEmailAddresses = split(readEnvironmentVariable('ALERT_EMAIL_ADDRESSES'), ',')
param vaultOfficerObjectId = readEnvironmentVariable('VAULT_OFFICER_OBJECT_ID', '')
param vaultOfficerPrincipalType = readEnvironmentVariable('VAULT_OFFICER_PRINCIPAL_TYPE', 'User')

// ---- App registration ----

param existingGraphClientId = readEnvironmentVariable('EXISTING_GRAPH_CLIENT_ID', '')
param grantConsent = bool(readEnvironmentVariable('GRANT_CONSENT', 'true'))
param graphCredential = readEnvironmentVariable('GRAPH_CREDENTIAL', 'secret')
param keyVaultSecretName = readEnvironmentVariable('KEY_VAULT_SECRET_NAME', 'graph-client-secret')

// ---- Notices ----

param dueDateAttribute = readEnvironmentVariable('DUE_DATE_ATTRIBUTE', '')
param daysBeforeDue = readEnvironmentVariable('DAYS_BEFORE_DUE', '7,3,1,0')
param daysAfterDue = readEnvironmentVariable('DAYS_AFTER_DUE', '')
param catchUpDays = int(readEnvironmentVariable('CATCH_UP_DAYS', '3'))
param businessTimeZone = readEnvironmentVariable('BUSINESS_TIME_ZONE', 'UTC')
param sendWindow = readEnvironmentVariable('SEND_WINDOW', '08:00-18:00')
param businessCalendar = readEnvironmentVariable('BUSINESS_CALENDAR', '')
param closedDays = readEnvironmentVariable('CLOSED_DAYS', '')
param openDays = readEnvironmentVariable('OPEN_DAYS', '')
param weekend = readEnvironmentVariable('WEEKEND', '')
param noticeSchedule = readEnvironmentVariable('NOTICE_SCHEDULE', '0 0 * * * *')
param noticeLimit = int(readEnvironmentVariable('NOTICE_LIMIT', '10000'))
param recipientAllowList = readEnvironmentVariable('RECIPIENT_ALLOW_LIST', '')
param userFilter = readEnvironmentVariable('USER_FILTER', 'accountEnabled eq true')
param ledgerRetentionDays = int(readEnvironmentVariable('LEDGER_RETENTION_DAYS', '400'))

// ---- Platform ----

param storageSkuName = readEnvironmentVariable('STORAGE_SKU_NAME', 'Standard_ZRS')

// ---- Network ----

param privateNetwork = bool(readEnvironmentVariable('PRIVATE_NETWORK', 'false'))
param virtualNetworkAddressPrefix = readEnvironmentVariable('VIRTUAL_NETWORK_ADDRESS_PREFIX', '10.80.0.0/24')
param allowedIpRanges = filter(split(readEnvironmentVariable('ALLOWED_IP_RANGES', ''), ','), address => !empty(address))
