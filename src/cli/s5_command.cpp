// `s5`: files of the node's identity on S5: what a file will be called there, put, get.
#include <cstdio>
#include <fstream>
#include <memory>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/settings_flags.h"
#include "gguf/mapped_file.h"
#include "node/s5_setup.h"
#include "provenance/s5/file_system.h"

namespace gptoss::cli {
namespace {

namespace s5 = provenance::s5;

struct S5Options {
    std::string file, path, env_file;
};

enum S5ExitCode { kS5Done = 0, kS5NotFound = 4 };

// The files of the identity, through the portal of the settings.
struct S5Place {
    explicit S5Place(const node::Settings& settings)
        : identity(node::s5_identity(settings)),
          portal(*identity, node::portal_options(settings)),
          files(*identity, portal) {}
    std::unique_ptr<s5::Identity> identity;
    s5::Portal portal;
    s5::FileSystem files;
};

s5::ByteView bytes_of(const gguf::MappedFile& file) {
    const auto bytes = file.bytes();
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

void name_file(const S5Options& options) {
    const gguf::MappedFile file(options.file);
    const auto identifier = s5::identify_blob(bytes_of(file));
    file.require_unchanged();
    std::printf("%s\n", identifier.text().c_str());
}

void put_file(const S5Options& options) {
    S5Place place(settings_without_flags(options.env_file));
    const gguf::MappedFile file(options.file);
    place.files.initialise();
    const auto identifier = place.files.put(options.path, bytes_of(file), "application/octet-stream");
    file.require_unchanged();
    std::printf("%s\n", identifier.text().c_str());
}

int get_file(const S5Options& options) {
    S5Place place(settings_without_flags(options.env_file));
    const auto bytes = place.files.get(options.path);
    if (!bytes) {
        std::fprintf(stderr, "%s: there is no such file on S5.\n", options.path.c_str());
        return kS5NotFound;
    }
    std::ofstream out(options.file, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes->data()), static_cast<std::streamsize>(bytes->size()));
    if (!out.flush())
        throw Error(ErrorCode::file_unreadable, options.file + ": cannot be written",
                    "Check the folder and the disk.", {{"path", options.file}});
    return kS5Done;
}

}  // namespace

void add_s5(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("s5", "Files of the node's identity on S5: their names, put, get");
    command->require_subcommand(1);
    auto options = std::make_shared<S5Options>();
    const auto add_place = [options](CLI::App* sub) {
        sub->add_option("--env-file", options->env_file, "Read settings from this file instead of .env");
    };
    CLI::App* naming = command->add_subcommand("cid", "What S5 calls a file: its BLAKE3 hash and its size");
    naming->add_option("file", options->file, "A file of any size")->required();
    naming->callback([options, &exit_code] {
        name_file(*options);
        exit_code = kS5Done;
    });
    CLI::App* putting = command->add_subcommand("put", "Upload a file");
    putting->add_option("file", options->file, "The file")->required();
    putting->add_option("path", options->path, "Where it goes: home/… or archive/…")->required();
    add_place(putting);
    putting->callback([options, &exit_code] {
        put_file(*options);
        exit_code = kS5Done;
    });
    CLI::App* getting = command->add_subcommand("get", "Download a file, checked against its hash");
    getting->add_option("path", options->path, "Where it is: home/… or archive/…")->required();
    getting->add_option("file", options->file, "Where to write it")->required();
    add_place(getting);
    getting->callback([options, &exit_code] { exit_code = get_file(*options); });
    command->footer(
        "Settings: S5_SEED_PHRASE_FILE, S5_PORTAL_URL, S5_INITIAL_PEERS.\n"
        "Exit status: 0 done, 4 there is no such file, 1 error.");
}

}  // namespace gptoss::cli
