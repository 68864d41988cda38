// Lines that a person types: with editing and history (libedit) on a terminal, as they are from a file or a pipe.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace gptoss::cli {

class LineEditor {
  public:
    // `history_file` is read, and each line is added to it; empty = none is kept. It is made readable by its owner alone.
    LineEditor(const std::string& prompt, const std::string& history_file);
    ~LineEditor();
    LineEditor(const LineEditor&) = delete;
    LineEditor& operator=(const LineEditor&) = delete;

    bool interactive() const;

    // The next line without its end; one that ends in a backslash is joined with the following. Nothing at the end of the
    // input (Ctrl-D). Ctrl-C gives an empty line.
    std::optional<std::string> read();

  private:
    struct Terminal;
    std::optional<std::string> read_one();
    std::unique_ptr<Terminal> terminal_;  // null = the input is no terminal
};

// $XDG_STATE_HOME or ~/.local/state, and gpt-oss-node/chat_history there; empty where there is no home.
std::string chat_history_file();

}  // namespace gptoss::cli
