// A consumer in .NET 8: a loop that takes each notice by itself, and remembers ids in SQLite.
//
//     dotnet run [-- --once]
//
// NOT COMPILED AND NOT RUN where this repository is tested: there is no .NET there. The loop in Node beside it does
// the same and is tested; where the two differ, believe that one. `Notify` is yours.

using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Microsoft.Data.Sqlite;

const int MostTries = 5;
var hidden = TimeSpan.FromMinutes(2); // longer than one page of messages takes
var once = args.Contains("--once");
var name = Environment.GetEnvironmentVariable("NOTICE_QUEUE") ?? "due-notices";

// Encoding None, and decoding inside the try: with Base64 one unreadable message makes the whole receive throw.
var account = new QueueServiceClient(
    Environment.GetEnvironmentVariable("NOTICE_STORAGE"),
    new QueueClientOptions { MessageEncoding = QueueMessageEncoding.None });
var queue = account.GetQueueClient(name);
var poison = account.GetQueueClient($"{name}-poison");
using var store = new Store("seen.sqlite");
store.Forget(DateTimeOffset.UtcNow.AddDays(-90));

while (true)
{
    QueueMessage[] page = await queue.ReceiveMessagesAsync(32, hidden);
    foreach (var message in page)
    {
        try
        {
            Console.WriteLine($"message {message.MessageId}: {await Handle(message.MessageText)}");
        }
        catch (Exception error)
        {
            if (error is BusyException || (error is not UnreadableException && message.DequeueCount < MostTries))
            {
                Console.WriteLine($"message {message.MessageId} failed ({error.GetType().Name}); it comes again");
                continue;
            }
            Console.Error.WriteLine($"message {message.MessageId} goes to the poison queue ({error.GetType().Name})");
            await poison.SendMessageAsync(message.MessageText, timeToLive: TimeSpan.FromSeconds(-1)); // for ever
        }
        await Delete(message);
    }
    if (page.Length == 0 && once) return;
    if (page.Length == 0) await Task.Delay(TimeSpan.FromSeconds(5));
}

async Task<string> Handle(string base64)
{
    using var notice = Notice.Parse(base64);
    var now = DateTimeOffset.UtcNow;
    if (notice.Expires is { } expires && expires <= now) return "expired"; // of any type: it is of no use any more
    notice.Check();
    switch (store.Claim(notice.Id, now))
    {
        case "busy": throw new BusyException();
        case "done": return "repeated";
    }
    var outcome = "handed over";
    try
    {
        await Notify(notice); // hand notice.Id on as idempotency key
    }
    catch (RefusedException refused)
    {
        Console.Error.WriteLine($"notice {notice.Id}: the customer cannot be reached: {refused.Message}");
        outcome = "refused";
    }
    catch
    {
        store.GiveBack(notice.Id, now);
        throw;
    }
    store.Done(notice.Id, outcome, DateTimeOffset.UtcNow);
    return outcome;
}

// Yours: throw RefusedException if that failed for good, anything else if it may go well another time.
Task Notify(Notice notice)
{
    var data = notice.Data;
    // Days from today in the customer's zone; amounts and dates by the invariant culture:
    // under de-DE, decimal.Parse("120.50") is 12050.
    var zone = TimeZoneInfo.FindSystemTimeZoneById(data.GetProperty("timeZone").GetString()!);
    var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(DateTimeOffset.UtcNow, zone).DateTime);
    var due = DateOnly.ParseExact(data.GetProperty("dueDate").GetString()!, "yyyy-MM-dd", CultureInfo.InvariantCulture);
    var customer = data.GetProperty("customer");
    var channel = customer.TryGetProperty("email", out _) ? "e-mail" : "phone";
    Console.WriteLine($"would notify user {customer.GetProperty("id")} by {channel}: {due.DayNumber - today.DayNumber} days");
    return Task.CompletedTask;
}

async Task Delete(QueueMessage message)
{
    try
    {
        await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
    }
    catch (RequestFailedException error) when (error.ErrorCode is "PopReceiptMismatch" or "MessageNotFound")
    {
        Console.WriteLine($"message {message.MessageId} was taken over by another worker");
    }
}

/// <summary>One notice. Fields that are not known are ignored: do not read with JsonSerializerOptions.Strict.</summary>
sealed partial class Notice(JsonDocument document) : IDisposable
{
    private readonly JsonElement _root = document.RootElement;

    public string Id => _root.GetProperty("id").GetString()!;
    public JsonElement Data => _root.GetProperty("data");

    public DateTimeOffset? Expires =>
        _root.ValueKind == JsonValueKind.Object
        && _root.TryGetProperty("expirytime", out var text)
        && text.ValueKind == JsonValueKind.String
        && text.TryGetDateTimeOffset(out var moment) ? moment : null;

    public static Notice Parse(string base64)
    {
        try
        {
            var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
            var text = utf8.GetString(Convert.FromBase64String(base64)).TrimStart('\uFEFF');
            return new Notice(JsonDocument.Parse(text));
        }
        catch (Exception error) when (error is FormatException or DecoderFallbackException or JsonException)
        {
            throw new UnreadableException();
        }
    }

    /// <summary>The least that this loop relies on; a validator for JSON Schema checks all of it.</summary>
    public void Check()
    {
        var known = _root.ValueKind == JsonValueKind.Object
            && _root.TryGetProperty("type", out var type) && type.ValueEquals("duenotices.payment.due.v1")
            && _root.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String
            && IdForm().IsMatch(id.GetString()!)
            && _root.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Object
            && Expires is not null;
        if (!known) throw new UnreadableException();
    }

    public void Dispose() => document.Dispose();

    [GeneratedRegex(@"\A[0-9a-f]{32}\z")]
    private static partial Regex IdForm();
}

/// <summary>Remembers ids, durably.</summary>
sealed class Store : IDisposable
{
    private const long Lapse = 5 * 60_000; // of a claim: longer than notifying takes
    private readonly SqliteConnection _file;

    public Store(string path)
    {
        _file = new SqliteConnection($"Data Source={path}");
        _file.Open();
        Run("create table if not exists seen (id text primary key, at integer not null, outcome text)");
    }

    public string Claim(string id, DateTimeOffset now)
    {
        var claimed = Run(
            "insert into seen values ($id, $at, null) on conflict (id) do update set at = excluded.at "
            + "where outcome is null and at <= $lapsed",
            ("$id", id), ("$at", now.ToUnixTimeMilliseconds()), ("$lapsed", now.ToUnixTimeMilliseconds() - Lapse));
        if (claimed == 1) return "mine";
        using var command = _file.CreateCommand();
        command.CommandText = "select outcome from seen where id = $id";
        command.Parameters.AddWithValue("$id", id);
        return command.ExecuteScalar() is string ? "done" : "busy";
    }

    public void Done(string id, string outcome, DateTimeOffset now) => Run(
        "insert or replace into seen values ($id, $at, $outcome)",
        ("$id", id), ("$at", now.ToUnixTimeMilliseconds()), ("$outcome", outcome));

    /// <summary>Gives one's own claim of that moment back; another worker's stays.</summary>
    public void GiveBack(string id, DateTimeOffset claimed) => Run(
        "delete from seen where id = $id and at = $at and outcome is null",
        ("$id", id), ("$at", claimed.ToUnixTimeMilliseconds()));

    public void Forget(DateTimeOffset before) =>
        Run("delete from seen where at < $at", ("$at", before.ToUnixTimeMilliseconds()));

    public void Dispose() => _file.Dispose();

    private int Run(string sql, params (string Name, object Value)[] parameters)
    {
        using var command = _file.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
        return command.ExecuteNonQuery();
    }
}

/// <summary>The message is not a notice, and trying again will not make it one.</summary>
sealed class UnreadableException : Exception;

/// <summary>Another worker is at this notice; it comes again.</summary>
sealed class BusyException : Exception;

/// <summary>The customer cannot be reached this way, now or later. The text has no address in it.</summary>
sealed class RefusedException(string reason) : Exception(reason);
