// Reads and writes users with Microsoft's own client and Kiota's reader: `node clients.mjs`; answers in JSON.

import { createUntypedNodeFromDiscriminatorValue } from "@microsoft/kiota-abstractions";
import { JsonParseNodeFactory } from "@microsoft/kiota-serialization-json";
import graph from "@microsoft/microsoft-graph-client";

const { BatchRequestContent, BatchResponseContent, Client, PageIterator } = graph;
const { BASE, TOKEN, ATTRIBUTE, USERS } = process.env;
const ids = JSON.parse(USERS);
const client = Client.init({
  baseUrl: BASE,
  customHosts: new Set([new URL(BASE).hostname]),
  authProvider: (done) => done(null, TOKEN),
});
const said = {};

const first = await client.api("/users").select(`id,mail,${ATTRIBUTE}`).top(2).get();
said.listed = [];
await new PageIterator(client, first, (user) => said.listed.push([user.id, user[ATTRIBUTE] ?? null])).iterate();

await client.api(`/users/${ids[0]}`).update({ [ATTRIBUTE]: "2026-12-15" });
said.one = (await client.api(`/users/${ids[0]}`).select(ATTRIBUTE).get())[ATTRIBUTE];

try {
  await client.api("/users/99999999-0000-4000-8000-000000000000").get();
} catch (error) {
  said.refusal = [error.statusCode, error.code, typeof error.requestId, error.date instanceof Date && !isNaN(error.date)];
}

// The client leaves the host out and keeps the version, which a batch does not want: so it is given none.
const address = (id) => `https://graph.microsoft.com/users/${id}`;
const steps = ids.map((id, number) => ({
  id: String(number),
  request: new Request(address(id), {
    method: "PATCH",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ [ATTRIBUTE]: `2027-01-0${number + 1}` }),
  }),
}));
const content = await new BatchRequestContent(steps).getContent();
const answer = await client.api("/$batch").post(content);
const inner = new BatchResponseContent(answer);
said.batch = ids.map((_, number) => inner.getResponseById(String(number)).status);
said.waits = ids.map((_, number) => inner.getResponseById(String(number)).headers.get("retry-after"));

async function kiota(path) {
  const raw = await fetch(`${BASE}/v1.0${path}`, { headers: { Authorization: `Bearer ${TOKEN}` } });
  const type = raw.headers.get("content-type").split(";")[0];
  const node = new JsonParseNodeFactory().getRootParseNode(type, await raw.arrayBuffer());
  return node.getObjectValue(createUntypedNodeFromDiscriminatorValue).getValue();
}

const page = await kiota(`/users?$select=id,${ATTRIBUTE}`);
said.kiota = page.value.getValue().map((user) => user.getValue()[ATTRIBUTE]?.getValue() ?? null);
const refusal = (await kiota("/users/99999999-0000-4000-8000-000000000000")).error.getValue();
said.kiotaRefusal = refusal.code.getValue();

console.log(JSON.stringify(said));
