metadata name = 'Workbook'
metadata description = 'The page that an operator opens on Monday. The layout is in workbook.json; each chart\'s query is a file of its own.'

// ============== //
// Parameters     //
// ============== //

@description('Required. Name that people see.')
param displayName string

@description('Required. Region.')
param location string

@description('Required. Tags of the resource.')
param tags object

@description('Required. Resource id of the Application Insights component under which the workbook appears.')
param componentResourceId string

@description('Required. Resource id of the workspace that the charts ask.')
param workspaceResourceId string

// ============== //
// Variables      //
// ============== //

var layout object = loadJsonContent('../workbook/workbook.json')

// One query for each item of type 3 in the layout, by the item's name.
var queries = {
  'days-by-outcome': loadTextContent('../workbook/days-by-outcome.kql')
  'last-run': loadTextContent('../workbook/last-run.kql')
  'notices-by-stage': loadTextContent('../workbook/notices-by-stage.kql')
  'run-seconds': loadTextContent('../workbook/run-seconds.kql')
  'secret-days-left': loadTextContent('../workbook/secret-days-left.kql')
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
            workspaceResourceId
          ]
        }
      })

// ============== //
// Resources      //
// ============== //

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(componentResourceId, 'due-notices')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: componentResourceId
    version: layout.version
    serializedData: string({
      ...layout
      items: items
    })
  }
}

// ============== //
// Outputs        //
// ============== //

@description('Resource id of the workbook.')
output resourceId string = workbook.id
