metadata name = 'App registration'
metadata description = 'The application in Entra that reads users from Microsoft Graph, with its service principal, its permission, and, by wish, consent and a federated credential.'

extension microsoftGraphV1

// ============== //
// Parameters     //
// ============== //

@description('Required. Key of the registration: the same name on every deployment finds the same registration. Never change it; a new name makes a second registration.')
param uniqueName string

@description('Required. Name that people see in Entra.')
param displayName string

@description('Required. Object ids of the owners; those that are there already stay. An application that deploys must be among them to deploy again with the permission Application.ReadWrite.OwnedBy.')
param ownerObjectIds string[]

@description('Required. True to consent to User.Read.All in this deployment, which takes a Privileged Role Administrator. False to leave it to one.')
param grantConsent bool

@description('Required. True to let the managed identity sign in as this application without any secret.')
param trustManagedIdentity bool

@description('Required. Name of the managed identity.')
param identityName string

// ============== //
// Variables      //
// ============== //

// Well-known in every tenant: Microsoft Graph, and its application permission User.Read.All.
var graphAppId = '00000003-0000-0000-c000-000000000000'
var userReadAllId = 'df021288-bdef-4463-88db-98f22de89214'

// ============== //
// Resources      //
// ============== //

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

// passwordCredentials is left out on purpose: naming it here would replace the secrets that are there.
resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: displayName
  signInAudience: 'AzureADMyOrg'
  owners: {
    relationshipSemantics: 'append'
    relationships: ownerObjectIds
  }
  requiredResourceAccess: [
    {
      resourceAppId: graphAppId
      resourceAccess: [
        {
          id: userReadAllId
          type: 'Role'
        }
      ]
    }
  ]
  servicePrincipalLockConfiguration: {
    isEnabled: true
    allProperties: true
  }

  resource managedIdentityCredential 'federatedIdentityCredentials@v1.0' = if (trustManagedIdentity) {
    name: '${application.uniqueName}/managed-identity'
    description: 'The managed identity of the function signs in as this application.'
    audiences: [
      'api://AzureADTokenExchange'
    ]
    issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
    subject: identity.properties.principalId
  }
}

resource principal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: application.appId
}

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: graphAppId
}

resource consent 'Microsoft.Graph/appRoleAssignedTo@v1.0' = if (grantConsent) {
  appRoleId: userReadAllId
  principalId: principal.id
  resourceId: graph.id
}

// ============== //
// Outputs        //
// ============== //

@description('Client id of the registration.')
output clientId string = application.appId
