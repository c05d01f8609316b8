metadata name = 'Alarms'
metadata description = 'Scheduled query rules over the reports of the runs, the vault\'s own events on the end of the credential, and a budget, all to one action group.'

import { tagsType } from 'types.bicep'

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

  @description('True for what stays true until a person acts: the alarm never ends by itself, and rings once a day.')
  lasting: bool
}

// ============== //
// Parameters     //
// ============== //

@description('Required. First part of the names of the rules.')
param namePrefix string

@description('Required. Region.')
param location string

@description('Required. Tags of the resources.')
param tags tagsType

@description('Required. Name that people read in messages.')
param displayName string

@description('Required. Name of the workspace that is asked.')
param workspaceName string

@description('Required. Name of the vault whose secret or certificate may expire.')
param vaultName string

@description('Required. Addresses that get the alarms.')
@minLength(1)
param emailAddresses string[]

@description('Required. How the function proves that it is the app registration.')
@allowed([
  'secret'
  'certificate'
  'federated'
])
param graphCredential string

@description('Required. In how many shards Durable Functions reads and sends; 0: each run in one instance.')
@minValue(0)
param scaleOut int

@description('Required. Days before the end of the credential at which to warn.')
@minValue(1)
param secretWarningDays int

@description('Required. Notices that may lie on the queue for six hours before it counts as a backlog.')
@minValue(0)
param backlogLimit int

@description('Required. Amount a month, in the currency of the bill, of which a message is sent at 80 percent, and when the forecast is above it. 0: no budget.')
@minValue(0)
param monthlyBudget int

@description('Required. First day of the month in which the budget was made, such as 2026-12-01. Azure refuses another day later.')
param budgetStartDate string

// ============== //
// Variables      //
// ============== //

var expires = graphCredential != 'federated'
var renew = graphCredential == 'certificate'
  ? 'Put a new one into the vault and onto the app registration: docs/runbook.md, A new certificate.'
  : 'Rotate it: due-notices rotate-secret.'
var credentialName = graphCredential == 'certificate' ? 'certificate' : 'client secret'

// What cannot ring is not made.
var needless = concat(expires ? [] : ['secret-near-expiry', 'secret-expired'], scaleOut > 0 ? [] : ['orchestration-stuck'])

// Three steps, and the shards counting and sending, sixteen at a time; each at most functionTimeout of host.json.
var orchestrationMinutes = 30 * (3 + 2 * ((scaleOut + 15) / 16))

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
    lasting: false
  }
  {
    name: 'run-unfinished'
    title: 'a run began and never ended'
    remedy: 'Its host was killed, by a deployment or by a fault; the next tick sends the rest. If no deployment explains it, look at the log of the host.'
    severity: 2
    query: loadTextContent('../queries/run-unfinished.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT2H'
    lasting: false
  }
  {
    name: 'no-completed-run'
    title: 'no run was completed in 26 hours'
    remedy: 'Notices are late, and after the catch-up days they expire. Look whether the function app runs at all, then at the last report: due-notices status, which also knows of a run that is still at work.'
    severity: 1
    query: loadTextContent('../queries/no-completed-run.kql')
    operator: 'LessThan'
    threshold: 1
    every: 'PT1H'
    window: 'P2D'
    lasting: false
  }
  {
    name: 'orchestration-stuck'
    title: 'an orchestration is at work for longer than it may take'
    remedy: 'Nothing is lost, and the rest of the notices waits. Restart the app, or end the orchestration, and the next tick starts it anew: docs/runbook.md, An orchestration is stuck.'
    severity: 1
    query: loadTextContent('../queries/orchestration-stuck.kql')
    operator: 'GreaterThan'
    threshold: orchestrationMinutes
    every: 'PT15M'
    window: 'PT2H'
    lasting: false
  }
  {
    name: 'fallen'
    title: 'a run read far fewer users or due dates than before'
    remedy: 'What is owed was sent, but customers may be missing. Look at the directory; if the new number is right: due-notices run --accept.'
    severity: 1
    query: loadTextContent('../queries/fallen.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT2H'
    lasting: true
  }
  {
    name: 'secret-near-expiry'
    title: 'the credential in the vault ends soon'
    remedy: renew
    severity: 2
    query: loadTextContent('../queries/credential-days-left.kql')
    operator: 'LessThanOrEqual'
    threshold: secretWarningDays
    every: 'PT1H'
    window: 'P2D'
    lasting: true
  }
  {
    name: 'secret-expired'
    title: 'the credential in the vault has expired'
    remedy: 'No run can succeed. ${renew}'
    severity: 1
    query: loadTextContent('../queries/credential-days-left.kql')
    operator: 'LessThanOrEqual'
    threshold: 0
    every: 'PT1H'
    window: 'P2D'
    lasting: true
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
    lasting: false
  }
  {
    name: 'notices-missed'
    title: 'customers owe and were never notified'
    remedy: 'By the rules they will not be. List them with due-notices preview; due-notices run --missed notifies them.'
    severity: 1
    query: loadTextContent('../queries/notices-missed.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT1H'
    window: 'P1D'
    lasting: true
  }
  {
    name: 'notices-expired'
    title: 'customers were notified once, and the rest is too late'
    remedy: 'An outage, a pause or a setting outlasted the catch-up days. List them with due-notices preview; due-notices run --missed notifies them.'
    severity: 2
    query: loadTextContent('../queries/notices-expired.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT1H'
    window: 'P1D'
    lasting: true
  }
  {
    name: 'unusual-number'
    title: 'a run found its numbers unusual'
    remedy: 'The report of the run says which, in signs and unusual: due-notices status. Has the data changed, or the stages, or do payments no longer arrive?'
    severity: 2
    query: loadTextContent('../queries/unusual-number.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT2H'
    lasting: false
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
    lasting: true
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
    lasting: false
  }
  {
    name: 'daily-cap'
    title: 'the workspace takes no more logs today'
    remedy: 'All other alarms are blind until tomorrow. Raise logDailyQuotaGb, and find out what writes so much.'
    severity: 1
    query: loadTextContent('../queries/daily-cap.kql')
    operator: 'GreaterThan'
    threshold: 0
    every: 'PT15M'
    window: 'PT2H'
    lasting: true
  }
]

// ============== //
// Resources      //
// ============== //

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

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

// The tables are not there on the first day, hence skipQueryValidation; the queries take that for no rows.
resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alarm in filter(alarms, alarm => !contains(needless, alarm.name)): {
    name: '${namePrefix}-${alarm.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${displayName}: ${alarm.title}'
      description: alarm.remedy
      severity: alarm.severity
      enabled: true
      autoMitigate: !alarm.lasting
      muteActionsDuration: alarm.lasting ? 'P1D' : null
      skipQueryValidation: true
      scopes: [
        workspace.id
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

resource vaultEvents 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (expires) {
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
          'Microsoft.KeyVault.CertificateNearExpiry'
          'Microsoft.KeyVault.CertificateExpired'
        ]
      }
      destination: {
        endpointType: 'MonitorAlert'
        properties: {
          severity: 'Sev2'
          description: '${displayName}: the vault says that the ${credentialName} ends soon or has expired. ${renew}'
          actionGroups: [
            actionGroup.id
          ]
        }
      }
    }
  }
}

// ---- What it costs ----

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = if (monthlyBudget > 0) {
  name: '${namePrefix}-budget'
  properties: {
    category: 'Cost'
    amount: monthlyBudget
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: empty(budgetStartDate)
        ? fail('MONTHLY_BUDGET needs BUDGET_START_DATE, the first day of this month, such as 2026-12-01; keep it as it is later')
        : budgetStartDate
    }
    notifications: {
      actual80: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: emailAddresses
      }
      forecast100: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: emailAddresses
      }
    }
  }
}

// ============== //
// Outputs        //
// ============== //

@description('Resource id of the action group, for further alarms of one\'s own.')
output actionGroupResourceId string = actionGroup.id
