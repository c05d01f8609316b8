metadata name = 'Due Notices'
metadata description = 'Everything the function needs, in one resource group, secure by default. docs/deploy.md says how to deploy it.'

import { tagsType } from 'modules/types.bicep'

targetScope = 'resourceGroup'

// ============== //
// Parameters     //
// ============== //

// ---- Names and places ----

@description('Optional. Short name of this workload: part of every name. Lower-case letters and digits.')
@minLength(3)
@maxLength(10)
param workloadName string = 'duenotices'

@description('Optional. Name of the environment, such as prod or test.')
@minLength(2)
@maxLength(32)
param environmentName string = 'prod'

@description('Optional. Region: that of the resource group, which decides, and which must offer Flex Consumption.')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string = resourceGroup().location

@description('Optional. Tags of every resource.')
param tags tagsType = {}

// ---- People ----

@description('Required. Addresses that get the alarms.')
@minLength(1)
param alertEmailAddresses string[]

@description('Optional. Object id of the person, group or application that stores and rotates the client secret. Empty: the one that deploys. Give it when a pipeline deploys, which needs no access to the secret, or when several people do.')
param vaultOfficerObjectId string = ''

@description('Optional. Kind of that principal; the kind of the one that deploys is known.')
@allowed([
  'User'
  'Group'
  'ServicePrincipal'
])
param vaultOfficerPrincipalType string = 'User'

// ---- App registration ----

@description('Optional. Client id of an app registration made elsewhere. Empty makes one in this deployment, which takes rights in Entra.')
param existingGraphClientId string = ''

@description('Optional. Object ids of further owners of the app registration. A named officer who is a person becomes an owner; so does an application that deploys, because it could not deploy again otherwise.')
param graphAppOwnerObjectIds string[] = []

@description('Optional. True to give the administrator\'s consent to User.Read.All in this deployment. Set it to false once the consent exists.')
param grantConsent bool = true

@description('Optional. How the function proves that it is the app registration: a client secret or a certificate in the vault, or the managed identity itself.')
@allowed([
  'secret'
  'certificate'
  'federated'
])
param graphCredential string = 'secret'

@description('Optional. Name of the secret (or certificate) in the vault.')
@minLength(1)
@maxLength(127)
param keyVaultSecretName string = 'graph-client-secret'

@description('Optional. Endpoint of Microsoft Graph.')
param graphEndpoint string = 'https://graph.microsoft.com'

@description('Optional. False to keep the sign-in library from asking the public cloud about an authority that it does not know.')
param instanceDiscovery bool = true

// ---- Notices ----

@description('Optional. User property that holds the due dates. Empty names the extension `dueDate` of the app registration, which infra/scripts/post_provision.py makes.')
param dueDateAttribute string = ''

@description('Optional. Boolean extension of the users who want no notices. Empty: there is none.')
param optOutAttribute string = ''

@description('Optional. Days before the due date on which a notice is owed, with commas; 0 is the day itself.')
param daysBeforeDue string = '7,3,1,0'

@description('Optional. Days after the due date on which a notice is owed, with commas.')
param daysAfterDue string = ''

@description('Optional. How many open days late a notice may still be sent.')
@minValue(0)
@maxValue(30)
param catchUpDays int = 3

@description('Optional. For how many days after its last chance a missed or expired obligation is named; empty: 30, or twice the last day of daysAfterDue plus 14 if that is more.')
param lookBackDays string = ''

@description('Optional. Look again at a day for what is owed by then, so many hours after its last completed run; empty: once a day.')
param lookAgainHours string = ''

@description('Optional. How the directory is read: auto (in parts, 16 at a time, from 50,000 users on), off (one page after another), or a number (in parts, so many at a time, 1 to 32).')
param readParts string = 'auto'

@description('Optional. For more users than one instance can serve: in how many shards Durable Functions reads and sends; 0: each run in one instance.')
@minValue(0)
@maxValue(64)
param scaleOut int = 0

@description('Optional. By how many percent the number of users may fall from one completed run to the next (1 to 99); if it falls further, the day is not completed.')
@minValue(1)
@maxValue(99)
param fallLimit int = 20

@description('Optional. IANA name of the time zone in which days begin and end.')
param businessTimeZone string = 'UTC'

@description('Optional. Local hours in which notices may be sent.')
param sendWindow string = '08:00-18:00'

@description('Optional. One or several calendars, separated by commas, whose weekends and holidays are respected, such as DE, US-NY or DE,XECB. Empty: every day is a business day.')
param businessCalendar string = ''

@description('Optional. Own closed days besides the calendar\'s, such as 2026-12-24,2027-08-02/2027-08-13.')
param closedDays string = ''

@description('Optional. Own open days, whatever calendar and weekend say, such as 2026-12-12.')
param openDays string = ''

@description('Optional. Weekend days instead of the calendar\'s, such as FRI,SAT.')
param weekend string = ''

@description('Optional. NCRONTAB expression of the tick, six fields, UTC. Hourly: the program itself decides whether it is time.')
param noticeSchedule string = '0 0 * * * *'

@description('Optional. Name of the queue of notices.')
@minLength(3)
@maxLength(56)
param noticeQueue string = 'due-notices'

@description('Optional. Name of the ledger\'s table.')
@minLength(3)
@maxLength(63)
param ledgerTable string = 'duenotices'

@description('Optional. Days after its due date for which the ledger remembers a notice.')
@minValue(90)
@maxValue(3650)
param ledgerRetentionDays int = 400

@description('Optional. More notices than this in one run, and none is sent.')
@minValue(1)
@maxValue(10000000)
param noticeLimit int = 10000

@description('Optional. Minutes after which the claim of a dead run may be taken over.')
@minValue(5)
@maxValue(1440)
param claimLapseMinutes int = 10

@description('Optional. Addresses and @domains, with commas, that alone may get notices: for test environments.')
param recipientAllowList string = ''

@description('Optional. OData filter on the listing of users.')
param userFilter string = 'accountEnabled eq true'

// ---- Alarms and logs ----

@description('Optional. Days before the secret\'s end at which to warn.')
@minValue(1)
@maxValue(365)
param secretWarningDays int = 30

@description('Optional. Notices that may lie on the queue for six hours before it counts as a backlog.')
@minValue(0)
param backlogLimit int = 1000

@description('Optional. Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionInDays int = 90

@description('Optional. Amount a month, in the currency of the bill, of which a message is sent at 80 percent, and when the forecast is above it. 0: no budget.')
@minValue(0)
param monthlyBudget int = 0

@description('Optional. First day of the month in which the budget is made, such as 2026-12-01. Azure refuses another day later.')
param budgetStartDate string = ''

@description('Optional. Gigabytes of logs a day after which ingestion stops until the next day. Alarms are blind then: keep it far above normal use.')
@minValue(1)
param logDailyQuotaGb int = 1

// ---- Platform ----

@description('Optional. Version of Python; the same minor version must publish the app.')
@allowed([
  '3.12'
  '3.13'
])
param pythonVersion string = '3.13'

@description('Optional. Memory of an instance in megabytes.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Optional. Upper bound of instances. The timer runs on one; with scaleOut the shards spread, four at a time to an instance, so that 16 instances take all 64 at once.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Optional. Redundancy of the storage account. Standard_LRS where the region has no zones.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param storageSkuName string = 'Standard_ZRS'

@description('Optional. True to lock storage account and vault against deletion, which takes the right to make locks (Owner or User Access Administrator).')
param deleteLocks bool = true

// ---- Network ----

@description('Optional. True to put storage and vault behind private endpoints in a virtual network of their own, with the function in it.')
param privateNetwork bool = false

@description('Optional. Address range of that network, /24 or larger.')
param virtualNetworkAddressPrefix string = '10.80.0.0/24'

@description('Optional. Public addresses or ranges that still reach storage and vault when the network is private: of the people who rotate the secret, and of the consumer where it lives elsewhere. Without a private network they do nothing. Write a single address plainly, without /32.')
param allowedIpRanges string[] = []

// ============== //
// Variables      //
// ============== //

var suffix = take(uniqueString(resourceGroup().id, workloadName, environmentName), 11)

var names = {
  component: 'appi-${workloadName}-${environmentName}'
  functionApp: 'func-${workloadName}-${suffix}'
  identity: 'id-${workloadName}-${environmentName}'
  network: 'vnet-${workloadName}-${environmentName}'
  plan: 'plan-${workloadName}-${environmentName}'
  storageAccount: 'st${workloadName}${suffix}'
  vault: 'kv-${take(workloadName, 8)}-${suffix}'
  workspace: 'log-${workloadName}-${environmentName}'
}

// Known before the deployment, so that what-if can show what is made of them.
var queueServiceUrl = 'https://${names.storageAccount}.queue.${environment().suffixes.storage}'
var tableServiceUrl = 'https://${names.storageAccount}.table.${environment().suffixes.storage}'
var vaultUrl = 'https://${names.vault}${environment().suffixes.keyvaultDns}'

var displayName = 'Due Notices (${environmentName})'
var packageContainerName = 'app-package'
var azdServiceName = 'due-notices'
var makesGraphApp = empty(existingGraphClientId)
var graphClientId = makesGraphApp ? graphApp!.outputs.clientId : existingGraphClientId
var deploysAsApplication = empty(deployer().?userPrincipalName)
var vaultOfficer = empty(vaultOfficerObjectId)
  ? {
      objectId: deployer().objectId
      type: deploysAsApplication ? 'ServicePrincipal' : 'User'
    }
  : {
      objectId: vaultOfficerObjectId
      type: vaultOfficerPrincipalType
    }
// Entra makes the person who creates a registration its owner; naming the one that deploys would add each who upgrades.
var graphAppOwners = union(
  graphAppOwnerObjectIds,
  !empty(vaultOfficerObjectId) && vaultOfficerPrincipalType == 'User' ? [vaultOfficerObjectId] : [],
  deploysAsApplication ? [deployer().objectId] : []
)
var remarks = concat(
  !privateNetwork && !empty(allowedIpRanges)
    ? ['ALLOWED_IP_RANGES does nothing without PRIVATE_NETWORK=true: storage and vault answer every address, with an Entra token']
    : [],
  deleteLocks ? [] : ['DELETE_LOCKS is false: ask an Owner of the group to lock storage account and vault']
)
var dueDateProperty = empty(dueDateAttribute)
  ? 'extension_${replace(graphClientId, '-', '')}_dueDate'
  : dueDateAttribute

// ============== //
// Modules        //
// ============== //

module identity 'modules/identity.bicep' = {
  params: {
    name: names.identity
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    workspaceName: names.workspace
    componentName: names.component
    location: location
    tags: tags
    retentionInDays: logRetentionInDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    name: names.storageAccount
    location: location
    tags: tags
    skuName: storageSkuName
    queueName: noticeQueue
    tableName: ledgerTable
    packageContainerName: packageContainerName
    privateNetwork: privateNetwork
    allowedIpRanges: allowedIpRanges
    deleteLock: deleteLocks
    workspaceResourceId: monitoring.outputs.workspaceResourceId
  }
}

module vault 'modules/vault.bicep' = {
  params: {
    name: names.vault
    location: location
    tags: tags
    workspaceResourceId: monitoring.outputs.workspaceResourceId
    privateNetwork: privateNetwork
    allowedIpRanges: allowedIpRanges
    deleteLock: deleteLocks
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  params: {
    name: names.network
    location: location
    tags: tags
    addressPrefix: virtualNetworkAddressPrefix
    storageAccountResourceId: storage.outputs.resourceId
    vaultResourceId: vault.outputs.resourceId
  }
}

module graphApp 'modules/graph-app.bicep' = if (makesGraphApp) {
  params: {
    uniqueName: '${workloadName}-${environmentName}-${suffix}'
    displayName: displayName
    ownerObjectIds: graphAppOwners
    grantConsent: grantConsent
    trustManagedIdentity: graphCredential == 'federated'
    identityName: names.identity
  }
  dependsOn: [
    identity
  ]
}

module access 'modules/access.bicep' = {
  params: {
    storageAccountName: names.storageAccount
    queueName: noticeQueue
    tableName: ledgerTable
    vaultName: names.vault
    componentName: names.component
    identityName: names.identity
    scalesOut: scaleOut > 0
    storesCertificate: graphCredential == 'certificate'
    vaultOfficerObjectId: vaultOfficer.objectId
    vaultOfficerPrincipalType: vaultOfficer.type
  }
  dependsOn: [
    identity
    monitoring
    storage
    vault
  ]
}

module functionApp 'modules/function-app.bicep' = {
  params: {
    name: names.functionApp
    planName: names.plan
    location: location
    tags: tags
    azdServiceName: azdServiceName
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    identityName: names.identity
    storageAccountName: names.storageAccount
    packageContainerName: packageContainerName
    componentName: names.component
    workspaceName: names.workspace
    subnetResourceId: privateNetwork ? network!.outputs.functionSubnetResourceId : ''
    settings: {
      AZURE_AUTHORITY_HOST: environment().authentication.loginEndpoint
      BUSINESS_CALENDAR: businessCalendar
      BUSINESS_TIME_ZONE: businessTimeZone
      CATCH_UP_DAYS: string(catchUpDays)
      CLAIM_LAPSE_MINUTES: string(claimLapseMinutes)
      CLOSED_DAYS: closedDays
      DAYS_AFTER_DUE: daysAfterDue
      DAYS_BEFORE_DUE: daysBeforeDue
      DUE_DATE_ATTRIBUTE: dueDateProperty
      FALL_LIMIT: string(fallLimit)
      GRAPH_CLIENT_ID: graphClientId
      GRAPH_CREDENTIAL: graphCredential
      GRAPH_ENDPOINT: graphEndpoint
      GRAPH_TENANT_ID: tenant().tenantId
      INSTANCE_DISCOVERY: instanceDiscovery ? 'true' : 'false'
      KEY_VAULT_SECRET_NAME: keyVaultSecretName
      KEY_VAULT_URL: vaultUrl
      LEDGER_RETENTION_DAYS: string(ledgerRetentionDays)
      LEDGER_TABLE: ledgerTable
      LOOK_AGAIN_HOURS: lookAgainHours
      LOOK_BACK_DAYS: lookBackDays
      NOTICE_LIMIT: string(noticeLimit)
      NOTICE_QUEUE: noticeQueue
      NOTICE_SCHEDULE: noticeSchedule
      NOTICE_STORAGE__queueServiceUri: queueServiceUrl
      NOTICE_STORAGE__tableServiceUri: tableServiceUrl
      OPEN_DAYS: openDays
      OPT_OUT_ATTRIBUTE: optOutAttribute
      READ_PARTS: readParts
      RECIPIENT_ALLOW_LIST: recipientAllowList
      SCALE_OUT: string(scaleOut)
      SEND_WINDOW: sendWindow
      USER_FILTER: userFilter
      WEEKEND: weekend
    }
  }
  // The roles come first: an app that starts without them fails until they arrive.
  dependsOn: [
    access
  ]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    namePrefix: '${workloadName}-${environmentName}'
    location: location
    tags: tags
    displayName: displayName
    workspaceName: names.workspace
    vaultName: names.vault
    emailAddresses: alertEmailAddresses
    graphCredential: graphCredential
    scaleOut: scaleOut
    secretWarningDays: secretWarningDays
    backlogLimit: backlogLimit
    monthlyBudget: monthlyBudget
    budgetStartDate: budgetStartDate
  }
  dependsOn: [
    monitoring
    vault
  ]
}

module workbook 'modules/workbook.bicep' = {
  params: {
    displayName: displayName
    location: location
    tags: tags
    componentName: names.component
    workspaceName: names.workspace
  }
  dependsOn: [
    monitoring
  ]
}

// ============== //
// Outputs        //
// ============== //

// azd makes environment variables of the outputs, and the parameter file reads variables: no output has the name of a
// variable or of a setting, or a deployment's result would set the next deployment's parameters. None is a secret.

@description('Name of the function app: what `func azure functionapp publish` wants.')
output functionAppName string = names.functionApp

@description('Name of the storage account that holds queue and ledger.')
output storageAccountName string = names.storageAccount

@description('Resource id of the storage account, for role assignments.')
output storageAccountResourceId string = storage.outputs.resourceId

@description('Name of the vault.')
output keyVaultName string = names.vault

@description('Object id of the managed identity: the subject of a federated credential on an app registration made elsewhere.')
output managedIdentityPrincipalId string = identity.outputs.principalId

@description('Resource id of the action group, for further alarms of one\'s own.')
output actionGroupResourceId string = alerts.outputs.actionGroupResourceId

@description('What this deployment leaves undone or does not do, in sentences.')
output remarks string[] = remarks

// ---- What infra/scripts/post_provision.py needs; it finds the program's settings behind the prefix DEPLOYED_ ----

@description('Resource id of the group, in which there must be one ledger only.')
output DEPLOYED_RESOURCE_GROUP_ID string = resourceGroup().id

@description('Address of Azure Resource Manager.')
output DEPLOYED_RESOURCE_MANAGER string = environment().resourceManager

@description('Tenant of the app registration.')
output DEPLOYED_GRAPH_TENANT_ID string = tenant().tenantId

@description('Client id of the app registration.')
output DEPLOYED_GRAPH_CLIENT_ID string = graphClientId

@description('How the function proves that it is the app registration.')
output DEPLOYED_GRAPH_CREDENTIAL string = graphCredential

@description('Endpoint of Microsoft Graph.')
output DEPLOYED_GRAPH_ENDPOINT string = graphEndpoint

@description('Address of the vault.')
output DEPLOYED_KEY_VAULT_URL string = vaultUrl

@description('Name of the secret in the vault; its value is never part of a deployment.')
output DEPLOYED_KEY_VAULT_SECRET_NAME string = keyVaultSecretName

@description('User property that holds the due dates.')
output DEPLOYED_DUE_DATE_ATTRIBUTE string = dueDateProperty

@description('Endpoint of the queue service.')
output DEPLOYED_NOTICE_STORAGE__queueServiceUri string = queueServiceUrl

@description('Endpoint of the table service.')
output DEPLOYED_NOTICE_STORAGE__tableServiceUri string = tableServiceUrl

@description('Name of the queue of notices.')
output DEPLOYED_NOTICE_QUEUE string = noticeQueue

@description('Name of the ledger\'s table.')
output DEPLOYED_LEDGER_TABLE string = ledgerTable
