metadata name = 'Alarms'
metadata description = 'Scheduled query rules over the reports of the runs, and the vault\'s own events on the secret\'s expiry, all to one action group.'

// ============== //
// Types          //
// ============== //

@description('One alarm: a query that answers with one row and one column `Value`, and when that value is bad.')
type alarmType = {
  @description('Last part of the rule\'s name.')
  name: string

  @description('What has happened, as a person reads it in the subject of an e-mail.')
  title: string

  @description('What to do about it.')
  remedy: string

  @description('1: act now. 2: look today.')
  severity: 1 | 2

  @description('The query.')
  query: string

  @description('How the value is compared with the threshold.')
  operator: 'GreaterThan' | 'LessThan' | 'LessThanOrEqual'

  @description('The threshold.')
  threshold: int

  @description('How often the query runs.')
  every: 'PT15M' | 'PT1H'

  @description('How far it looks back.')
  window: 'PT2H' | 'PT6H' | 'P1D' | 'P2D'
}

// ============== //
// Parameters     //
// ============== //

@description('Required. First part of the names of the rules.')
param namePrefix string

@description('Required. Region.')
param location string

@description('Required. Tags of the resources.')
param tags object

@description('Required. Name that people read in messages.')
param displayName string

@description('Required. Resource id of the workspace that is asked.')
param workspaceResourceId string

@description('Required. Name of the vault whose secret may expire.')
param vaultName string

@description('Required. Addresses that get the alarms.')
@minLength(1)
param emailAddresses string[]

@description('Required. Days before the secret\'s end at which to warn.')
@minValue(1)
param secretWarningDays int

@description('Required. Notices that may lie on the queue for six hours before it counts as a backlog.')
@minValue(0)
param backlogLimit int

// ============== //
// Variables      //
// ============== //

var alarms alarmType[] = [
  {
    name: 'run-failed'
    title: 'a run failed'
    remedy: 'The next tick of the timer tries again. If this alarm does not end by itself within two hours, read the error in the report of the run.'
    severity: 2
    query: loadTextContent('../queries/run-failed.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT2H'
  }
  {
    name: 'no-completed-run'
    title: 'no run was completed in 26 hours'
    remedy: 'Notices are late, and after the catch-up days they expire. Look whether the function app runs at all, then at the last report.'
    severity: 1
    query: loadTextContent('../queries/no-completed-run.kql')
    operator: 'LessThan'
    threshold: 1
    every: 'PT1H'
    window: 'P2D'
  }
  {
    name: 'secret-near-expiry'
    title: 'the client secret ends soon'
    remedy: 'Rotate it: python -m due_notices rotate-secret.'
    severity: 2
    query: loadTextContent('../queries/secret-days-left.kql')
    operator: 'LessThanOrEqual'
    threshold: secretWarningDays
    every: 'PT1H'
    window: 'P2D'
  }
  {
    name: 'secret-expired'
    title: 'the client secret has expired'
    remedy: 'No run can succeed. Rotate it now: python -m due_notices rotate-secret.'
    severity: 1
    query: loadTextContent('../queries/secret-days-left.kql')
    operator: 'LessThanOrEqual'
    threshold: 0
    every: 'PT1H'
    window: 'P2D'
  }
  {
    name: 'notices-failed'
    title: 'notices could not be sent, or the limit was reached'
    remedy: 'Read the report: at the limit nothing was sent, and NOTICE_LIMIT or the data is wrong; otherwise the next tick sends what is missing.'
    severity: 1
    query: loadTextContent('../queries/notices-failed.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT2H'
  }
  {
    name: 'notices-expired'
    title: 'notices expired unsent'
    remedy: 'An outage outlasted the catch-up days. List the customers with python -m due_notices audit and decide by hand.'
    severity: 1
    query: loadTextContent('../queries/notices-expired.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT2H'
  }
  {
    name: 'unusual-number'
    title: 'an unusual number of notices'
    remedy: 'Compare with the workbook. Has the data changed, or the stages?'
    severity: 2
    query: loadTextContent('../queries/unusual-number.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT2H'
  }
  {
    name: 'poison'
    title: 'a consumer gave up on notices'
    remedy: 'Look into the poison queue: these customers were not notified.'
    severity: 1
    query: loadTextContent('../queries/poison.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT1H'
    window: 'P2D'
  }
  {
    name: 'backlog'
    title: 'notices wait on the queue'
    remedy: 'Does the consumer run? Notices are dropped by it once they have expired.'
    severity: 2
    query: loadTextContent('../queries/backlog.kql')
    operator: 'GreaterThan'
    threshold: backlogLimit
    every: 'PT1H'
    window: 'PT6H'
  }
]

// ============== //
// Resources      //
// ============== //

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${namePrefix}-duty'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'due-notices'
    enabled: true
    emailReceivers: [
      for (address, i) in emailAddresses: {
        name: 'duty-${i + 1}'
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

// The tables are empty on the first day, hence skipQueryValidation.
resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alarm in alarms: {
    name: '${namePrefix}-${alarm.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${displayName}: ${alarm.title}'
      description: alarm.remedy
      severity: alarm.severity
      enabled: true
      autoMitigate: true
      skipQueryValidation: true
      scopes: [
        workspaceResourceId
      ]
      evaluationFrequency: alarm.every
      windowSize: alarm.window
      criteria: {
        allOf: [
          {
            query: alarm.query
            metricMeasureColumn: 'Value'
            timeAggregation: 'Total'
            operator: alarm.operator
            threshold: alarm.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [
          actionGroup.id
        ]
      }
    }
  }
]

// ---- A second pair of eyes: the vault's own events, which need no run of the function ----

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource vaultEvents 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: '${namePrefix}-vault'
  location: location
  tags: tags
  properties: {
    source: vault.id
    topicType: 'Microsoft.KeyVault.vaults'
  }

  resource expiry 'eventSubscriptions' = {
    name: 'secret-expiry'
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: {
        includedEventTypes: [
          'Microsoft.KeyVault.SecretNearExpiry'
          'Microsoft.KeyVault.SecretExpired'
        ]
      }
      destination: {
        endpointType: 'MonitorAlert'
        properties: {
          severity: 'Sev2'
          description: '${displayName}: the vault says that the client secret ends soon or has expired. Rotate it: python -m due_notices rotate-secret.'
          actionGroups: [
            actionGroup.id
          ]
        }
      }
    }
  }
}

// ============== //
// Outputs        //
// ============== //

@description('Resource id of the action group, for further alarms of one\'s own.')
output actionGroupResourceId string = actionGroup.id
