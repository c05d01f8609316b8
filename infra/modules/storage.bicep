metadata name = 'Storage'
metadata description = 'One storage account without shared keys: the host\'s state, the deployment package, the queue of notices with its poison queue, and the ledger.'

import { tagsType } from 'types.bicep'

// ============== //
// Parameters     //
// ============== //

@description('Required. Name of the storage account.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of the resource.')
param tags tagsType

@description('Required. Redundancy. The ledger is the memory of what was sent: keep it in three zones where the region has them.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param skuName string

@description('Required. Name of the queue of notices. The poison queue is called the same with `-poison` after it.')
@minLength(3)
@maxLength(56)
param queueName string

@description('Required. Name of the ledger\'s table.')
@minLength(3)
@maxLength(63)
param tableName string

@description('Required. Name of the container for the deployment package.')
@minLength(3)
@maxLength(63)
param packageContainerName string

@description('Required. True when the account is reached through private endpoints.')
param privateNetwork bool

@description('Required. Public addresses or ranges that may still reach the account when the network is private (no /31 and /32: write a single address plainly).')
param allowedIpRanges string[]

@description('Required. True to lock the account against deletion.')
param deleteLock bool

@description('Required. Resource id of the workspace that receives the log of changes to ledger and queue.')
param workspaceResourceId string

// ============== //
// Resources      //
// ============== //

resource storageAccount 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  // By this tag infra/scripts/post_provision.py sees that a group holds a second ledger.
  tags: {
    ...tags
    'due-notices-ledger': tableName
  }
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: privateNetwork && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateNetwork ? 'Deny' : 'Allow'
      ipRules: [
        for address in privateNetwork ? allowedIpRanges : []: {
          action: 'Allow'
          value: address
        }
      ]
    }
  }

  resource blobService 'blobServices' = {
    name: 'default'
    properties: {
      containerDeleteRetentionPolicy: {
        enabled: true
        days: 7
      }
      deleteRetentionPolicy: {
        enabled: true
        days: 7
      }
    }

    resource packageContainer 'containers' = {
      name: packageContainerName
      properties: {
        publicAccess: 'None'
      }
    }
  }

  resource queueService 'queueServices' = {
    name: 'default'

    resource noticeQueue 'queues' = {
      name: queueName
    }

    resource poisonQueue 'queues' = {
      name: '${queueName}-poison'
    }
  }

  resource tableService 'tableServices' = {
    name: 'default'

    resource ledgerTable 'tables' = {
      name: tableName
    }
  }
}

// ---- The ledger is the only memory of what was sent ----

resource storageAccount_lock 'Microsoft.Authorization/locks@2020-05-01' = if (deleteLock) {
  name: 'keep-the-ledger'
  scope: storageAccount
  properties: {
    level: 'CanNotDelete'
    notes: 'The ledger in this account is the only memory of which notices were sent.'
  }
}

resource tableService_log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'changes'
  scope: storageAccount::tableService
  properties: {
    workspaceId: workspaceResourceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

resource queueService_log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'deletions'
  scope: storageAccount::queueService
  properties: {
    workspaceId: workspaceResourceId
    logs: [
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

// ============== //
// Outputs        //
// ============== //

@description('Resource id of the storage account.')
output resourceId string = storageAccount.id
