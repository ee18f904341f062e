// What people have written where a setting was meant, fed to each key of a program's file.
#pragma once

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/result.hpp"

namespace postern::test {

enum class Takes {
    /// A word of a form of its own: a name, a domain.
    name,
    word,
    /// Text that people read: any.
    text,
    path,
    optional_path,
    duration,
    count,
    boolean,
    /// https://host:port
    ca_url,
    url,
    proxy,
    no_proxy,
    fingerprint,
    key_uri,
    address,
    listen,
    names,
    listens,
    hosts,
    /// Names of programs: anything that is not empty.
    programs,
};

struct Setting {
    /// "[gateway]", "[[service]]".
    std::string table;
    std::string key;
    Takes takes;
    /// As TOML has it.
    std::string good;
};

inline std::vector<std::string> rubbish(const Setting& setting) {
    const auto quoted = [](std::vector<std::string> texts) {
        for (auto& text : texts) {
            text = "\"" + text + "\"";
        }
        return texts;
    };
    const std::vector<std::string> no_strings{"7", "1.5", "true", "[\"x\"]", "{}", "1979-05-27"};
    // Blanks alone, around it, control characters. \u0000 ends a string for half of all programs.
    std::vector<std::string> strings = quoted({" ", "\\t", "x\\u0000", "a\\u0007b", "a\\nb", "\\u007f"});
    if (setting.good.starts_with('"')) {
        const std::string good = setting.good.substr(1, setting.good.size() - 2);
        strings.push_back("\"" + good + " \"");
        strings.push_back("\" " + good + "\"");
        strings.push_back("\"" + good + "\\u0000\"");
    }
    const auto with = [&](std::vector<std::string> texts) {
        texts = quoted(std::move(texts));
        texts.insert(texts.end(), strings.begin(), strings.end());
        texts.insert(texts.end(), no_strings.begin(), no_strings.end());
        return texts;
    };
    const std::vector<std::string> no_address{"host",        "host:",
                                              ":5432",       "host:-1",
                                              "host:65536",  "host:99999999999",
                                              "host:5x",     "::1:5432",
                                              "::1",         "[::1]",
                                              "[host]:1",    "[127.0.0.1]:1",
                                              "host:5432/x", "http://host:5432",
                                              "a b:1",       "a@b:1",
                                              "300.1.1.1:1", "h\\u00e9:1"};
    const std::vector<std::string> no_url{"junk",
                                          "http:///v1",
                                          "https://",
                                          "https://:7444",
                                          "https://h:0",
                                          "https://h:65536",
                                          "https://h:-1",
                                          "https://h:x",
                                          "https://::1:7444",
                                          "https://[::1",
                                          "https://u@h",
                                          "https://u:p@h:7444",
                                          "https://a b:7444",
                                          "ftp://h:7444",
                                          "https//h",
                                          "https://h:7444:1",
                                          "https://\\u0000h",
                                          "https://h\\u00e9"};
    auto no_ca_url = no_url;
    no_ca_url.insert(no_ca_url.end(), {"http://ca.example.org:7444", "https://h:7444/v1", "https://h/v1/",
                                       "https://h//", "https://h?x", "https://h#x"});
    const auto lists = [&](const std::vector<std::string>& elements) {
        std::vector<std::string> texts{"7", "\"x\"", "true", "{}", "[7]", "[[\"x\"]]", "[\"\"]"};
        for (const auto& element : elements) {
            texts.push_back("[" + element + "]");
        }
        return texts;
    };
    switch (setting.takes) {
        case Takes::name:
            return with({"", "a b", "-a", "../x", "a/b", "h\\u00e9", std::string(300, 'x')});
        case Takes::word:
            return with({"", "junk", "WRITE"});
        case Takes::text:
            return {"7",
                    "1.5",
                    "true",
                    "[\"x\"]",
                    "{}",
                    "\"a\\nb\"",
                    "\"a\\u0000b\"",
                    "\"\\u007f\"",
                    "\"" + std::string(300, 'x') + "\""};
        case Takes::path:
        case Takes::optional_path:
            return with({"", "${HOME}/x", "${CREDENTIALS_DIRECTORY}/x"});
        case Takes::duration:
            return with(
                {"", "1", "-1s", "s", "1x", "1 s", "99999999999999999999s", "99999d", "1.5h", "0x1s"});
        case Takes::count:
            return {"-1",  "99999999999999", "9223372036854775807", "1.5", "\"7\"", "true", "[7]",
                    "nan", "1979-05-27"};
        case Takes::boolean:
            return {"1", "0", "\"true\"", "\"yes\"", "[true]"};
        case Takes::ca_url:
            return with(no_ca_url);
        case Takes::url:
            return with(no_url);
        case Takes::proxy:
            return with({"https://proxy:3128", "ftp://proxy:3128", "http://proxy:65536", "http://:3128",
                         "http://", "http://u%:p@proxy:3128", "proxy:x"});
        case Takes::no_proxy:
            return with({"10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/", "/8", "::1/129", "http://intern/", "a@b",
                         "x,10.0.0.0/-1"});
        case Takes::fingerprint: {
            // Blanks and colons do not count.
            auto texts = quoted({" ", "sha256:12", "md5:0", std::string(63, 'a'), "sha256:" + std::string(64, 'g')});
            texts.insert(texts.end(), no_strings.begin(), no_strings.end());
            return texts;
        }
        case Takes::key_uri:
            return with({"token=x", "http://x"});
        case Takes::address: {
            auto texts = no_address;
            texts.insert(texts.end(), {"", "host:0", "*:5432"});
            return with(texts);
        }
        case Takes::listen: {
            auto texts = no_address;
            texts.insert(texts.end(), {"", "host:5432", "unix:"});
            return with(texts);
        }
        case Takes::names:
            return lists(with({"a b", "*", "a/b", "h\\u00e9"}));
        case Takes::listens: {
            auto texts = no_address;
            texts.insert(texts.end(), {"host:5432", "unix:"});
            return lists(with(texts));
        }
        case Takes::hosts:
            return lists(with({"host", "127.0.0.1:5432", "300.1.1.1", "::1]"}));
        case Takes::programs:
            return lists(strings);
    }
    return {};
}

/// Feeds each key all of its rubbish, with everything else as it should be, and expects the file, the line
/// and the key in the answer; and a key for each that the program knows.
class SettingRubbish {
public:
    /// The text of a file goes in; what is wrong with it comes out, empty where nothing is.
    using Read = std::function<std::string(const std::string& text)>;

    SettingRubbish(std::string file, std::vector<Setting> settings, Read read)
        : file_(std::move(file)), settings_(std::move(settings)), read_(std::move(read)) {}

    void feed() const {
        ASSERT_EQ(read_(text_with(nullptr, {}).text), "") << text_with(nullptr, {}).text;
        for (const Setting& setting : settings_) {
            for (const std::string& wrong : rubbish(setting)) {
                const Text made = text_with(&setting, wrong);
                const std::string answer = read_(made.text);
                const std::string place = fmt::format("{}:{}:", file_, made.line);
                EXPECT_THAT(answer, testing::HasSubstr(place))
                    << setting.table << " " << setting.key << " = " << wrong;
                // What is no TOML at all is told by the parser of TOML.
                const bool is_toml_error = answer.find("Error while parsing") != std::string::npos;
                if (!is_toml_error) {
                    EXPECT_THAT(answer, testing::HasSubstr("'" + setting.key + "'"))
                        << setting.table << " " << setting.key << " = " << wrong;
                }
            }
        }
    }

    /// That no key was left out: the answer to an unknown one names those that are known.
    void know_every_key() const {
        const std::string unknown = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";
        for (const std::string& table : tables()) {
            std::string keys = answer_to(table, unknown);
            const auto at = keys.find("known here: ");
            ASSERT_NE(at, std::string::npos) << keys;
            keys = keys.substr(at + 12, keys.find('\n', at) - at - 12) + ", ";
            std::set<std::string> known;
            for (auto end = keys.find(", "); end != std::string::npos; end = keys.find(", ")) {
                known.insert(keys.substr(0, end));
                keys.erase(0, end + 2);
            }
            std::set<std::string> fed;
            for (const Setting& setting : settings_) {
                if (setting.table == table) {
                    fed.insert(setting.key);
                }
            }
            EXPECT_EQ(known, fed) << table;
        }
    }

private:
    struct Text {
        std::string text;
        std::size_t line = 0;
    };

    std::vector<std::string> tables() const {
        std::vector<std::string> found;
        for (const Setting& setting : settings_) {
            if (std::find(found.begin(), found.end(), setting.table) == found.end()) {
                found.push_back(setting.table);
            }
        }
        return found;
    }
    Text text_with(const Setting* changed, const std::string& value, const std::string& more_in = {},
                   const std::string& more = {}) const {
        Text made;
        std::size_t line = 1;
        for (const std::string& table : tables()) {
            made.text += table + "\n";
            ++line;
            if (table == more_in) {
                made.text += more + "\n";
                ++line;
            }
            for (const Setting& setting : settings_) {
                if (setting.table != table) {
                    continue;
                }
                const bool is_changed = &setting == changed;
                if (is_changed) {
                    made.line = line;
                }
                made.text += setting.key + " = " + (is_changed ? value : setting.good) + "\n";
                ++line;
            }
        }
        return made;
    }
    std::string answer_to(const std::string& table, const std::string& unknown) const {
        return read_(text_with(nullptr, {}, table, unknown + " = 1").text);
    }

    std::string file_;
    std::vector<Setting> settings_;
    Read read_;
};

}  // namespace postern::test
