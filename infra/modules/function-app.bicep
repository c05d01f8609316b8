metadata name = 'Function app'
metadata description = 'Flex Consumption plan and function app. Nothing here knows a key: host storage, package, logs, vault, queue and ledger are reached with the managed identity.'

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
param tags object

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

@description('Required. Resource id of the managed identity.')
param identityResourceId string

@description('Required. Client id of the managed identity.')
param identityClientId string

@description('Required. Name of the storage account for the host and the package.')
param storageAccountName string

@description('Required. Address of the container for the deployment package.')
param packageContainerUrl string

@description('Required. Connection string of Application Insights.')
param componentConnectionString string

@description('Required. Resource id of a subnet delegated to Microsoft.App/environments, or empty for none.')
param subnetResourceId string

@description('Required. Settings of the program: name and value.')
param settings object

// ============== //
// Variables      //
// ============== //

// What the platform needs. Flex Consumption refuses most of the settings known from other plans: add none without looking.
var platformSettings = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  APPLICATIONINSIGHTS_CONNECTION_STRING: componentConnectionString
  AZURE_CLIENT_ID: identityClientId
  AzureWebJobsStorage__accountName: storageAccountName
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'
}

// ============== //
// Resources      //
// ============== //

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
      '${identityResourceId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityResourceId
    virtualNetworkSubnetId: empty(subnetResourceId) ? null : subnetResourceId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityResourceId
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
      appSettings: [
        for setting in items(union(settings, platformSettings)): {
          name: setting.key
          value: setting.value
        }
      ]
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

// ============== //
// Outputs        //
// ============== //

@description('Resource id of the function app.')
output resourceId string = site.id

@description('Name of the function app.')
output name string = site.name
