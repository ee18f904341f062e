#include "audit/tool.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "audit/log_path.hpp"
#include "audit/query.hpp"
#include "audit/verification.hpp"
#include "base/json.hpp"
#include "base/printed.hpp"
#include "base/process.hpp"

namespace postern::audit {

namespace {

constexpr int kWhole = 0;
constexpr int kTampered = 1;
constexpr int kUsage = 2;
constexpr int kTorn = 3;

int cli_error(std::FILE* err, const Failure& failure, std::string_view hint) {
    say_to(err, "postern-audit: error: {}\nhint: {}\n", failure.detail, hint);
    return kUsage;
}

std::string_view hint_for(const Failure& failure) {
    switch (failure.code) {
        case Code::config_invalid:
            return "give the public key of the program that wrote the log: --key FILE.pub";
        case Code::malformed_request:
            return "name one of these; of an action, its first words do: connection, login, admin";
        case Code::not_found:
            return "give the path of the log that the program's configuration names in [audit] file";
        default:
            // A log belongs to the user of the program that writes it.
            return ::geteuid() == 0 ? "see postern-audit --help"
                                    : "only the log's owner may read it: try with sudo";
    }
}

bool is_terminal(std::FILE* file) {
    return ::isatty(::fileno(file)) == 1;
}

// ---- verify

std::string place_of(const Fault& fault) {
    return fault.line == 0 ? fault.file : fmt::format("{}:{}", fault.file, fault.line);
}

void print_counts(std::FILE* out, const Verdict& verdict) {
    const auto& summary = verdict.summary;
    say_to(out, "  {} records in {} file(s), sequence {} to {}, the last at {}\n", summary.records,
           verdict.files.size(), summary.first_sequence, summary.last_sequence, summary.last_time);
    if (summary.first_sequence > 1) {
        say_to(out, "  begins with record {}: older files are not here\n", summary.first_sequence);
    }
    say_to(out, "  {} signed checkpoint(s)", summary.checkpoints);
    for (const std::string& key : summary.signed_by) {
        say_to(out, ", key sha256:{}", key);
    }
    say_to(out, "\n");
    say_to(out, "  {} record(s) after the last signed checkpoint{}\n", summary.unsigned_records,
           summary.unsigned_records == 0 ? "" : ": these are protected by the chain alone");
}

/// Something that the log cannot prove by itself, and how it can be proven.
struct Unproven {
    std::string_view name;
    std::string text;
};

std::vector<Unproven> unproven_by(const Verdict& verdict) {
    const auto& summary = verdict.summary;
    std::vector<Unproven> all;
    if (!verdict.has_given_keys) {
        all.push_back(
            {"origin",
             "who wrote it: the key lies beside the log, and who can replace both can sign anything; "
             "give --key with a copy of the key that is kept elsewhere"});
    }
    if (verdict.at_least < summary.last_sequence) {
        all.push_back(
            {"newest_state",
             fmt::format("that nothing came after record {}: an older log that was put back with its older "
                         "head looks just "
                         "like this{}; note the last sequence number elsewhere, and give --at-least with it",
                         summary.last_sequence,
                         verdict.at_least == 0
                             ? ""
                             : fmt::format(" (that it reaches record {} is proven)", verdict.at_least))});
    }
    if (!verdict.has_head && !is_rotated(verdict.files.back())) {
        all.push_back(
            {"end", "that its end is the end: without the signed head, records may be missing there; copy " +
                        head_path(verdict.log).filename().string() + " with the log"});
    }
    if (summary.unsigned_records > 0) {
        all.push_back(
            {"unsigned_records",
             fmt::format(
                 "the last {} record(s): no checkpoint has signed them yet, and who can write the file can "
                 "replace them; verify again in a while",
                 summary.unsigned_records)});
    }
    if (summary.first_sequence > 1) {
        all.push_back({"older_files", fmt::format("what stood before record {}: verify the older files, too",
                                                  summary.first_sequence)});
    }
    return all;
}

void print_unproven(std::FILE* out, const Verdict& verdict) {
    const auto all = unproven_by(verdict);
    if (!all.empty()) {
        say_to(out, "  not proven by this:\n");
    }
    for (const Unproven& unproven : all) {
        say_to(out, "  - {}\n", unproven.text);
    }
}

void print_human(std::FILE* out, const Verdict& verdict) {
    if (verdict.is_whole()) {
        say_to(out, "{}: whole{}\n", verdict.log.string(),
               verdict.has_given_keys ? "" : ", as far as the key beside it can tell");
        print_counts(out, verdict);
        print_unproven(out, verdict);
        return;
    }
    const Fault& fault = *verdict.fault;
    say_to(out, "{}: {}\n", verdict.log.string(),
           verdict.is_torn()             ? "torn last line, not tampering"
           : verdict.is_of_another_key() ? "ANOTHER KEY"
                                         : "TAMPERED WITH");
    say_to(out, "  {}: {}: {}\n", place_of(fault), name(fault.kind), fault.message);
    if (verdict.is_torn()) {
        say_to(out, "  what stands before it is whole:\n");
        print_counts(out, verdict);
        fmt::print(out,
                   "  the program that writes the log cuts it off and notes that when it starts again\n");
        print_unproven(out, verdict);
    }
}

nlohmann::ordered_json json_of(const Verdict& verdict) {
    const auto& summary = verdict.summary;
    nlohmann::ordered_json json;
    json["log"] = verdict.log.string();
    json["verdict"] = verdict.is_whole()            ? "whole"
                      : verdict.is_torn()           ? "torn"
                      : verdict.is_of_another_key() ? "another_key"
                                                    : "tampered";
    if (verdict.fault) {
        json["fault"] = {{"kind", name(verdict.fault->kind)},
                         {"file", verdict.fault->file},
                         {"line", verdict.fault->line},
                         {"message", verdict.fault->message}};
    }
    auto& files = json["files"] = nlohmann::ordered_json::array();
    for (const auto& file : verdict.files) {
        files.push_back(file.string());
    }
    json["records"] = summary.records;
    json["checkpoints"] = summary.checkpoints;
    json["first_sequence"] = summary.first_sequence;
    json["last_sequence"] = summary.last_sequence;
    json["last_hash"] = summary.last_hash;
    json["unsigned_records"] = summary.unsigned_records;
    json["log_id"] = summary.log_id;
    json["signed_by"] = summary.signed_by;
    json["has_head"] = verdict.has_head;
    if (verdict.is_whole() || verdict.is_torn()) {
        auto& unproven = json["not_proven"] = nlohmann::ordered_json::array();
        for (const Unproven& each : unproven_by(verdict)) {
            unproven.push_back(each.name);
        }
    }
    return json;
}

int run_verify(const VerifyOptions& options, bool is_json, std::FILE* out, std::FILE* err) {
    Progress progress;
    if (is_terminal(err)) {
        progress = [err](std::uint64_t done, std::uint64_t all) {
            fmt::print(err, "\r{} of {} MiB ({} %)\x1b[K", done >> 20, all >> 20,
                       done * 100 / std::max<std::uint64_t>(all, 1));
            std::fflush(err);
        };
    }
    const auto verdicts = verify(options, progress);
    if (progress) {
        fmt::print(err, "\r\x1b[K");
    }
    if (!verdicts) {
        return cli_error(err, verdicts.error(), hint_for(verdicts.error()));
    }
    int exit_code = kWhole;
    for (const Verdict& verdict : *verdicts) {
        if (is_json) {
            fmt::print(out, "{}\n", ascii_json_text(json_of(verdict)));
        } else {
            print_human(out, verdict);
        }
        if (verdict.is_torn() && exit_code == kWhole) {
            exit_code = kTorn;
        } else if (!verdict.is_whole() && !verdict.is_torn()) {
            exit_code = kTampered;
        }
    }
    return exit_code;
}

// ---- query and tail

struct Moments {
    std::string since;
    std::string until;
};

/// Rejects negative numbers, because CLI11 converts -1 to the largest unsigned number.
std::string check_count(const std::string& text) {
    return text.starts_with('-') ? std::string("must be 0 or more") : std::string();
}

void add_filter_options(CLI::App& command, Filter& filter, Moments& moments, bool& is_json) {
    command.add_option("--user", filter.user,
                       "Of this user (also one that only a refused certificate claimed)");
    command.add_option("--service", filter.service, "Of this service");
    command.add_option("--action", filter.action,
                       "Of this kind: connection, connection.rejected, login, admin, …");
    command.add_option("--outcome", filter.outcome, "success or failure")
        ->check(CLI::IsMember({"success", "failure"}));
    command.add_option("--reason", filter.reason,
                       "Refused for this reason: policy_denied, revoked, expired, …");
    command.add_option("--session,--connection", filter.session, "Of this login session or connection id");
    command.add_option("--since", moments.since,
                       "From this time on: 2026-11-22, 2026-11-22T12:30:00Z, today, yesterday, or 2h (ago)");
    command.add_option("--until", moments.until, "Before this time");
    command.add_flag("--checkpoints", filter.has_checkpoints, "Also the log's own signed checkpoints");
    command.add_flag("--json", is_json, "The records' lines as they are");
}

Result<void> apply(const Moments& moments, Filter& filter) {
    const SystemTime now = system_clock()();
    for (const auto& [text, target] :
         {std::pair{&moments.since, &filter.since}, {&moments.until, &filter.until}}) {
        if (!text->empty()) {
            auto moment = parse_moment(*text, now);
            if (!moment) {
                return moment.error();
            }
            *target = std::move(*moment);
        }
    }
    return {};
}

bool wants_colour(std::FILE* out) {
    return is_terminal(out) && std::getenv("NO_COLOR") == nullptr;
}

int run_query(QueryOptions options, const Moments& moments, bool is_json, std::FILE* out, std::FILE* err) {
    if (auto applied = apply(moments, options.filter); !applied) {
        return cli_error(err, applied.error(), "see postern-audit query --help");
    }
    RecordPrinter printer(out, is_json, wants_colour(out));
    QueryCounts counts;
    const auto done = query(options, printer, counts);
    printer.flush();
    if (!done) {
        return cli_error(err, done.error(), hint_for(done.error()));
    }
    if (counts.printed == 0) {
        // An empty output could come from a misspelt name, so this line says that the log was read.
        fmt::print(err, "postern-audit: none of the {} records fits\n", counts.read);
    }
    if (counts.skipped > 0) {
        say_to(err,
               "postern-audit: warning: {} line(s) are no records of an audit log\nhint: run "
               "postern-audit verify\n",
               counts.skipped);
    }
    return kWhole;
}

int run_tail(TailOptions options, const Moments& moments, bool is_json, std::FILE* out, std::FILE* err) {
    if (auto applied = apply(moments, options.filter); !applied) {
        return cli_error(err, applied.error(), "see postern-audit tail --help");
    }
    RecordPrinter printer(out, is_json, wants_colour(out));
    const auto done = tail(options, printer, [] { return false; });
    return done ? kWhole : cli_error(err, done.error(), hint_for(done.error()));
}

}  // namespace

int run_tool(int argc, const char* const* argv, std::FILE* out, std::FILE* err) {
    CLI::App app("Proves audit logs whole, and reads them", "postern-audit");
    app.set_version_flag("--version", fmt::format("postern-audit {}", version()));
    app.require_subcommand(1);

    VerifyOptions verify_options;
    std::string folder;
    bool is_json = false;
    CLI::App* verify_command = app.add_subcommand(
        "verify", "Finds an edited, removed, reordered or cut-off record and names its line");
    verify_command->footer(
        "Exit code: 0 whole, 1 tampered with or of another key, 3 only a torn last line (crash, power cut), "
        "2 could not look.");
    auto* files = verify_command->add_option("FILE", verify_options.files,
                                             "Logs; their rotated files are found by name");
    verify_command->add_option("--dir", folder, "Every log of this folder")->excludes(files);
    verify_command
        ->add_option("--key", verify_options.keys,
                     "Public key that must have signed; may be repeated (default: the one beside the log)")
        ->allow_extra_args(false);
    verify_command->add_flag("--alone", verify_options.is_alone, "Only the files that are named");
    verify_command->add_flag("--no-head", verify_options.is_headless,
                             "A copy of a log, without its .head file");
    verify_command
        ->add_option("--at-least", verify_options.at_least, "The log must reach this sequence number")
        ->check(check_count);
    verify_command->add_flag("--json", is_json, "One JSON object a log");

    Moments moments;
    QueryOptions query_options;
    CLI::App* query_command =
        app.add_subcommand("query", "Shows the records that are asked for, from rotated files too");
    query_command->add_option("FILE", query_options.files, "Logs; several are shown in the order of time")
        ->required();
    add_filter_options(*query_command, query_options.filter, moments, is_json);
    query_command->add_option("--limit", query_options.limit, "At most so many records")
        ->check(check_count);

    TailOptions tail_options;
    CLI::App* tail_command = app.add_subcommand("tail", "Shows the last records and, with -f, those to come");
    tail_command->add_option("FILE", tail_options.file, "Log")->required();
    tail_command->add_option("-n,--lines", tail_options.lines, "How many of the last records")
        ->check(check_count)
        ->default_val(10);
    tail_command->add_flag("-f,--follow", tail_options.is_following, "Go on, also through rotations");
    add_filter_options(*tail_command, tail_options.filter, moments, is_json);

    try {
        app.parse(argc, argv);
        if (verify_command->parsed() && verify_options.files.empty() && folder.empty()) {
            throw CLI::RequiredError("FILE or --dir");
        }
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        say_to(err, "postern-audit: error: {}\nhint: see postern-audit --help\n", error.what());
        return kUsage;
    }
    if (verify_command->parsed()) {
        if (!folder.empty()) {
            verify_options.folder = folder;
        }
        return run_verify(verify_options, is_json, out, err);
    }
    return query_command->parsed() ? run_query(std::move(query_options), moments, is_json, out, err)
                                   : run_tail(std::move(tail_options), moments, is_json, out, err);
}

}  // namespace postern::audit
