metadata name = 'Key Vault'
metadata description = 'The vault that holds the client secret. Access by roles only, purge protection on, every access logged. The secret itself is never part of a deployment.'

import { tagsType } from 'types.bicep'

// ============== //
// Parameters     //
// ============== //

@description('Required. Name of the vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of the resource.')
param tags tagsType

@description('Required. Resource id of the workspace that receives the audit log.')
param workspaceResourceId string

@description('Required. True when the vault is reached through a private endpoint.')
param privateNetwork bool

@description('Required. Public addresses or ranges that may still reach the vault when the network is private: those of the people who rotate the secret.')
param allowedIpRanges string[]

@description('Required. True to lock the vault against deletion.')
param deleteLock bool

// ============== //
// Resources      //
// ============== //

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    publicNetworkAccess: privateNetwork && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: privateNetwork ? 'Deny' : 'Allow'
      ipRules: [
        for address in privateNetwork ? allowedIpRanges : []: {
          value: address
        }
      ]
    }
  }
}

resource vault_auditLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
  properties: {
    workspaceId: workspaceResourceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

resource vault_lock 'Microsoft.Authorization/locks@2020-05-01' = if (deleteLock) {
  name: 'keep-the-vault'
  scope: vault
  properties: {
    level: 'CanNotDelete'
    notes: 'A deleted vault keeps its name for 90 days, and no run can log in without it.'
  }
}

// ============== //
// Outputs        //
// ============== //

@description('Resource id of the vault.')
output resourceId string = vault.id
