metadata name = 'Workbook'
metadata description = 'The page that an operator opens on Monday. The layout is in workbook.json; each chart\'s query is a file of its own.'

import { tagsType } from 'types.bicep'

// ============== //
// Parameters     //
// ============== //

@description('Required. Name that people see.')
param displayName string

@description('Required. Region.')
param location string

@description('Required. Tags of the resource.')
param tags tagsType

@description('Required. Name of the Application Insights component under which the workbook appears.')
param componentName string

@description('Required. Name of the workspace that the charts ask.')
param workspaceName string

// ============== //
// Variables      //
// ============== //

var layout object = loadJsonContent('../workbook/workbook.json')

// One query for each item of type 3 in the layout, by the item's name.
var queries = {
  'credential-days-left': loadTextContent('../workbook/credential-days-left.kql')
  'days-by-outcome': loadTextContent('../workbook/days-by-outcome.kql')
  'last-run': loadTextContent('../workbook/last-run.kql')
  'not-notified': loadTextContent('../workbook/not-notified.kql')
  'notices-by-stage': loadTextContent('../workbook/notices-by-stage.kql')
  'run-seconds': loadTextContent('../workbook/run-seconds.kql')
  'skipped-by-reason': loadTextContent('../workbook/skipped-by-reason.kql')
  throttling: loadTextContent('../workbook/throttling.kql')
  'users-read': loadTextContent('../workbook/users-read.kql')
  waiting: loadTextContent('../workbook/waiting.kql')
}

var items = map(layout.items, item =>
  item.type != 3
    ? item
    : {
        ...item
        content: {
          ...item.content
          query: queries[item.name]
          crossComponentResources: [
            workspace.id
          ]
        }
      })

// ============== //
// Resources      //
// ============== //

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(component.id, 'due-notices')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: component.id
    version: layout.version
    serializedData: string({
      ...layout
      items: items
    })
  }
}
