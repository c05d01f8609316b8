// A consumer in Node: a loop that takes each notice by itself, and remembers ids in SQLite.
//
//     npm install && node consumer.mjs [--once]
//
// Settings: NOTICE_STORAGE (a connection string) and NOTICE_QUEUE. `notify` is yours.

import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { QueueServiceClient } from "@azure/storage-queue";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const LAPSE = 5 * 60_000; // of a claim: longer than notifying takes
const HIDDEN = 120; // seconds: longer than one page of messages takes
const MOST_TRIES = 5;
const REMEMBERED = 90 * 86_400_000; // a notice may be sent again that late, after an outage

const ajv = addFormats(new Ajv({ strict: true }), ["date", "date-time", "uri-reference"]);
const valid = ajv.compile(JSON.parse(readFileSync(new URL("../notice.schema.json", import.meta.url), "utf8")));

/** The message is not a notice, and trying again will not make it one. */
export class Unreadable extends Error {}
/** Another worker is at this notice; it comes again. */
export class Busy extends Error {}
/** The customer cannot be reached this way, now or later. The text has no address in it. */
export class Refused extends Error {}

/** Notifies the customer. Throw Refused if that failed for good, anything else if it may go well another time. */
export async function notify(event) {
  const { customer, timeZone, dueDate } = event.data;
  const channel = customer.email ? "e-mail" : "phone";
  console.log(`would notify user ${customer.id} by ${channel}: ${daysUntil(dueDate, timeZone, new Date())} days`);
}

/** Days from today in the customer's zone: here it may be another day, and `new Date("2026-12-01")` is UTC. */
export function daysUntil(dueDate, timeZone, now) {
  const format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
    timeZone, year: "numeric", month: "2-digit", day: "2-digit",
  });
  const { year, month, day } = Object.fromEntries(format.formatToParts(now).map(({ type, value }) => [type, value]));
  return Math.round((Date.parse(dueDate) - Date.parse(`${year}-${month}-${day}`)) / 86_400_000);
}

/** Remembers ids, durably. */
export class Store {
  constructor(path) {
    this.file = new DatabaseSync(path);
    this.file.exec("create table if not exists seen (id text primary key, at integer not null, outcome text)");
  }

  /** Claims an id: `mine`, or `done` before, or `busy` with another worker whose claim has not lapsed. */
  claim(id, now) {
    const claimed = this.file.prepare(
      "insert into seen values (?, ?, null) on conflict (id) do update set at = excluded.at " +
      "where outcome is null and at <= ?",
    ).run(id, now, now - LAPSE);
    if (claimed.changes === 1) return "mine";
    return this.file.prepare("select outcome from seen where id = ?").get(id)?.outcome ? "done" : "busy";
  }

  done(id, outcome, now) {
    this.file.prepare("insert or replace into seen values (?, ?, ?)").run(id, now, outcome);
  }

  /** Gives one's own claim of that moment back; another worker's stays. */
  giveBack(id, claimed) {
    this.file.prepare("delete from seen where id = ? and at = ? and outcome is null").run(id, claimed);
  }

  forget(now) {
    this.file.prepare("delete from seen where at < ?").run(now - REMEMBERED);
  }
}

/** Handles one message; returns `expired`, `repeated`, `refused` or `handed over`. */
export async function handle(base64, store, notifyCustomer, now) {
  const event = parse(base64);
  if (isExpired(event, now)) { // of any type: it is of no use any more
    if (valid(event)) console.warn(`notice ${event.id} of user ${event.subject.replace(/\s+/g, " ")}: too late, and not sent`);
    return "expired";
  }
  if (!valid(event)) throw new Unreadable(`breaks the schema at ${valid.errors[0].instancePath || "its root"}`);
  const claimed = now.getTime();
  const claim = store.claim(event.id, claimed);
  if (claim === "busy") throw new Busy();
  if (claim === "done") return "repeated";
  let outcome = "handed over";
  try {
    await notifyCustomer(event); // hand event.id on as idempotency key
  } catch (error) {
    if (!(error instanceof Refused)) {
      store.giveBack(event.id, claimed);
      throw error;
    }
    console.error(`notice ${event.id}: user ${event.subject} cannot be reached: ${error.message}`);
    outcome = "refused";
  }
  store.done(event.id, outcome, Date.now());
  return outcome;
}

// `new Date(null)` is 1970, and a comparison with an invalid date is false: look before you compare.
function isExpired(event, now) {
  const text = event?.expirytime;
  return /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/i.test(text) && new Date(text) <= now;
}

function parse(base64) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(base64, "base64")));
  } catch {
    throw new Unreadable("no JSON in UTF-8 in base64");
  }
}

/** Handles one page of messages; returns how many there were. */
export async function step(queue, poison, store, notifyCustomer, now = () => new Date()) {
  const page = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: HIDDEN });
  for (const message of page.receivedMessageItems) {
    try {
      console.log(`message ${message.messageId}: ${await handle(message.messageText, store, notifyCustomer, now())}`);
    } catch (error) {
      if (!(error instanceof Unreadable) && (error instanceof Busy || message.dequeueCount < MOST_TRIES)) {
        console.warn(`message ${message.messageId} failed (${error.name}); it comes again`);
        continue;
      }
      console.error(`message ${message.messageId} goes to the poison queue: ${error.message}`);
      await poison.sendMessage(message.messageText, { messageTimeToLive: -1 }); // before it is deleted
    }
    await remove(queue, message);
  }
  return page.receivedMessageItems.length;
}

async function remove(queue, message) {
  try {
    await queue.deleteMessage(message.messageId, message.popReceipt);
  } catch (error) {
    if (!["PopReceiptMismatch", "MessageNotFound"].includes(error.code)) throw error;
    console.warn(`message ${message.messageId} was taken over by another worker`);
  }
}

async function main() {
  const once = process.argv.includes("--once");
  const name = process.env.NOTICE_QUEUE || "due-notices";
  const account = QueueServiceClient.fromConnectionString(process.env.NOTICE_STORAGE ?? "");
  const [queue, poison] = [name, `${name}-poison`].map((each) => account.getQueueClient(each));
  const store = new Store("seen.sqlite");
  store.forget(Date.now());
  for (;;) {
    const found = await step(queue, poison, store, notify);
    if (!found && once) return;
    if (!found) await pause(5_000);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
