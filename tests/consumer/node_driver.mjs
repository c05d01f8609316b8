// What a test asks of the example consumer beyond running it: `node node_driver.mjs <what>`; answers in JSON.

import { QueueServiceClient } from "@azure/storage-queue";
import { Refused, Store, daysUntil, step } from "./consumer.mjs";

const LAPSE = 5 * 60_000;
const NOW = new Date("2026-11-24T09:00:00Z");
const [what, ...rest] = process.argv.slice(2);
const ID = "a".repeat(32);

function open() {
  const account = QueueServiceClient.fromConnectionString(process.env.NOTICE_STORAGE);
  return ["", "-poison"].map((end) => account.getQueueClient(process.env.NOTICE_QUEUE + end));
}

async function takenOver() {
  const [queue, poison] = open();
  let notified = 0;
  const receive = queue.receiveMessages.bind(queue);
  queue.receiveMessages = async (options) => {
    const page = await receive(options);
    if (what === "updated") {
      for (const each of page.receivedMessageItems) await queue.updateMessage(each.messageId, each.popReceipt, undefined, 60);
    }
    return page;
  };
  const found = await step(queue, poison, new Store(":memory:"), async () => {
    notified += 1;
    if (what === "cleared") await queue.clearMessages();
  });
  return { found, notified };
}

async function ended() {
  const [queue, poison] = open();
  const store = new Store(":memory:");
  let id;
  const claim = store.claim.bind(store);
  store.claim = (identifier, now) => {
    if (!id && what === "busy") claim(identifier, now - LAPSE + 1);
    if (!id && what === "lapsed") claim(identifier, now - LAPSE);
    id = identifier;
    return claim(identifier, now);
  };
  await step(queue, poison, store, async () => {
    if (what === "refused") throw new Refused("550 5.1.1");
    throw new Error("the mail server is away");
  }, () => NOW);
  const found = claim(id, NOW.getTime());
  return { claim: found === "mine" ? "free" : found };
}

function giveBack() {
  const store = new Store(":memory:");
  const now = NOW.getTime();
  const claims = [store.claim(ID, now), store.claim(ID, now + LAPSE)];
  store.giveBack(ID, now);
  claims.push(store.claim(ID, now + LAPSE + 1));
  store.giveBack(ID, now + LAPSE);
  claims.push(store.claim(ID, now + LAPSE + 1));
  return { claims };
}

const answers = {
  cleared: takenOver, updated: takenOver, refused: ended, failed: ended, busy: ended, lapsed: ended,
  "give-back": giveBack, days: () => daysUntil(rest[0], rest[1], new Date(rest[2])),
};
console.log(JSON.stringify(await answers[what]()));
