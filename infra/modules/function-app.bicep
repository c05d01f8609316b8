metadata name = 'Function app'
metadata description = 'Flex Consumption plan and function app. Nothing here knows a key: host storage, package, logs, vault, queue and ledger are reached with the managed identity.'

import { tagsType } from 'types.bicep'

// ============== //
// Parameters     //
// ============== //

@description('Required. Name of the function app.')
@minLength(2)
@maxLength(60)
param name string

@description('Required. Name of the Flex Consumption plan. Such a plan holds one app.')
@minLength(1)
@maxLength(60)
param planName string

@description('Required. Region.')
param location string

@description('Required. Tags of the resources.')
param tags tagsType

@description('Required. Name under which `azd deploy` finds this app.')
param azdServiceName string

@description('Required. Version of Python.')
param pythonVersion string

@description('Required. Memory of an instance in megabytes.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int

@description('Required. Upper bound of instances. The timer itself runs on one.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int

@description('Required. Name of the managed identity.')
param identityName string

@description('Required. Name of the storage account for the host and the package.')
param storageAccountName string

@description('Required. Name of the container for the deployment package.')
param packageContainerName string

@description('Required. Name of the Application Insights component.')
param componentName string

@description('Required. Name of the workspace that receives the host\'s own log.')
param workspaceName string

@description('Required. Resource id of a subnet delegated to Microsoft.App/environments, or empty for none.')
param subnetResourceId string

@description('Required. Settings of the program: name and value.')
param settings {
  @description('The value of a setting.')
  *: string
}

// ============== //
// Resources      //
// ============== //

// Their names are known before the deployment, so that what-if can show the app.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource site 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: {
    ...tags
    'azd-service-name': azdServiceName
  }
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: empty(subnetResourceId) ? null : subnetResourceId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: 'https://${storageAccountName}.blob.${environment().suffixes.storage}/${packageContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      // Those of the program, then those of the platform. Flex Consumption refuses most of the settings known from other
      // plans: add none without looking.
      appSettings: concat(
        map(items(settings), setting => {
          name: setting.key
          value: setting.value
        }),
        [
          {
            name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
            value: 'ClientId=${identity.properties.clientId};Authorization=AAD'
          }
          {
            name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
            value: component.properties.ConnectionString
          }
          {
            name: 'AZURE_CLIENT_ID'
            value: identity.properties.clientId
          }
          {
            name: 'AzureWebJobsStorage__accountName'
            value: storageAccountName
          }
          {
            name: 'AzureWebJobsStorage__clientId'
            value: identity.properties.clientId
          }
          {
            name: 'AzureWebJobsStorage__credential'
            value: 'managedidentity'
          }
          {
            name: 'NOTICE_STORAGE__clientId'
            value: identity.properties.clientId
          }
        ]
      )
    }
  }

  resource publishingByFtp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }

  // Publishing uses a bearer token, never a password.
  resource publishingByScm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

// What the host says before the program can: a start that fails reaches this log alone.
resource site_log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'host'
  scope: site
  properties: {
    workspaceId: workspace.id
    logs: [
      {
        category: 'FunctionAppLogs'
        enabled: true
      }
    ]
  }
}
