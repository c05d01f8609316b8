metadata name = 'Access'
metadata description = 'Every role assignment of this deployment, each on the smallest scope that works: one queue, one table, the vault that holds one secret.'

// ============== //
// Parameters     //
// ============== //

@description('Required. Name of the storage account.')
param storageAccountName string

@description('Required. Name of the queue of notices.')
param queueName string

@description('Required. Name of the ledger\'s table.')
param tableName string

@description('Required. Name of the vault.')
param vaultName string

@description('Required. Name of the Application Insights component.')
param componentName string

@description('Required. Name of the managed identity of the function.')
param identityName string

@description('Required. True when Durable Functions shares the work among instances: its task hub is in the same storage account.')
param scalesOut bool

@description('Required. True when the credential is a certificate, which the officer may then store, too.')
param storesCertificate bool

@description('Required. Object id of the person, group or application that stores and rotates the client secret.')
param vaultOfficerObjectId string

@description('Required. Kind of that principal.')
@allowed([
  'User'
  'Group'
  'ServicePrincipal'
])
param vaultOfficerPrincipalType string

// ============== //
// Variables      //
// ============== //

var builtInRoles = {
  keyVaultCertificatesOfficer: 'a4417e6f-fecd-4de8-b567-7b0420556985'
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageQueueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  storageQueueDataReader: '19e7f393-937e-4f77-808e-94535e297925'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

// ============== //
// Resources      //
// ============== //

// Names of role assignments are made of what is known before the deployment, so that what-if can show them.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource storageAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName

  resource queueService 'queueServices' existing = {
    name: 'default'

    resource noticeQueue 'queues' existing = {
      name: queueName
    }

    resource poisonQueue 'queues' existing = {
      name: '${queueName}-poison'
    }
  }

  resource tableService 'tableServices' existing = {
    name: 'default'

    resource ledgerTable 'tables' existing = {
      name: tableName
    }
  }
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

// ---- The function ----

resource storageAccount_hostRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storageAccount.id, identity.id, builtInRoles.storageBlobDataOwner)
  scope: storageAccount
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageBlobDataOwner
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The Functions host keeps the timer lock and its state in blobs, and reads the deployment package.'
  }
}

resource noticeQueue_senderRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(
    storageAccount::queueService::noticeQueue.id,
    identity.id,
    builtInRoles.storageQueueDataMessageSender
  )
  scope: storageAccount::queueService::noticeQueue
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageQueueDataMessageSender
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The function puts notices on this queue. It can neither receive nor delete them.'
  }
}

resource noticeQueue_readerRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storageAccount::queueService::noticeQueue.id, identity.id, builtInRoles.storageQueueDataReader)
  scope: storageAccount::queueService::noticeQueue
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageQueueDataReader
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The report says how many notices wait.'
  }
}

resource poisonQueue_readerRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storageAccount::queueService::poisonQueue.id, identity.id, builtInRoles.storageQueueDataReader)
  scope: storageAccount::queueService::poisonQueue
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageQueueDataReader
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The report says how many notices a consumer gave up on.'
  }
}

resource ledgerTable_contributorRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(
    storageAccount::tableService::ledgerTable.id,
    identity.id,
    builtInRoles.storageTableDataContributor
  )
  scope: storageAccount::tableService::ledgerTable
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageTableDataContributor
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The function keeps the ledger in this table.'
  }
}

// The extension makes the queues and tables of its task hub itself, and Azure knows no role on a name to come: hence the
// account. The blobs that it needs are those of the host's own role.
resource storageAccount_hubQueuesRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (scalesOut) {
  name: guid(storageAccount.id, identity.id, builtInRoles.storageQueueDataContributor)
  scope: storageAccount
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageQueueDataContributor
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'Durable Functions hands the shards of a day to the instances by queues of its own.'
  }
}

resource storageAccount_hubTablesRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (scalesOut) {
  name: guid(storageAccount.id, identity.id, builtInRoles.storageTableDataContributor)
  scope: storageAccount
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageTableDataContributor
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'Durable Functions keeps the history of its orchestrations in tables of its own.'
  }
}

resource vault_secretsUserRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id, builtInRoles.keyVaultSecretsUser)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.keyVaultSecretsUser
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The function reads the client secret, the only one in this vault.'
  }
}

resource component_publisherRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(component.id, identity.id, builtInRoles.monitoringMetricsPublisher)
  scope: component
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.monitoringMetricsPublisher
    )
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    description: 'The function writes its logs with an Entra token.'
  }
}

// ---- The operator ----

resource vault_secretsOfficerRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, vaultOfficerObjectId, builtInRoles.keyVaultSecretsOfficer)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.keyVaultSecretsOfficer
    )
    principalId: vaultOfficerObjectId
    principalType: vaultOfficerPrincipalType
    description: 'Stores the client secret after the deployment and rotates it.'
  }
}

resource vault_certificatesOfficerRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (storesCertificate) {
  name: guid(vault.id, vaultOfficerObjectId, builtInRoles.keyVaultCertificatesOfficer)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.keyVaultCertificatesOfficer
    )
    principalId: vaultOfficerObjectId
    principalType: vaultOfficerPrincipalType
    description: 'Stores the certificate after the deployment and replaces it.'
  }
}
