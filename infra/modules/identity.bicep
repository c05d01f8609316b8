metadata name = 'Managed identity'
metadata description = 'The user-assigned identity under which the function runs. It exists before the function app, so that its roles do too.'

import { tagsType } from 'types.bicep'

// ============== //
// Parameters     //
// ============== //

@description('Required. Name of the identity.')
@minLength(3)
@maxLength(128)
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of the resource.')
param tags tagsType

// ============== //
// Resources      //
// ============== //

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

// ============== //
// Outputs        //
// ============== //

@description('Resource id of the identity.')
output resourceId string = identity.id

@description('Object id of the identity: the subject of a federated credential.')
output principalId string = identity.properties.principalId
