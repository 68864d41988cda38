#include "cli/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/state_file.h"

namespace gptoss::cli {

struct LineEditor::Terminal {
    std::string prompt, history_file;
    EditLine* editor = nullptr;
    History* history = nullptr;

    ~Terminal() {
        if (editor != nullptr) el_end(editor);
        if (history != nullptr) history_end(history);
    }
};

namespace {

constexpr int kHistoryLines = 1000;

char* prompt_of(EditLine* editor) {
    char* prompt = nullptr;
    el_get(editor, EL_CLIENTDATA, &prompt);
    return prompt;
}

// Questions may be private: nobody else reads them.
void make_private(const std::string& file) {
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path(), ignored);
    const int descriptor = open(file.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0) return;
    fchmod(descriptor, 0600);
    close(descriptor);
}

}  // namespace

LineEditor::LineEditor(const std::string& prompt, const std::string& history_file) {
    if (isatty(STDIN_FILENO) == 0) return;
    std::setlocale(LC_CTYPE, "");  // letters of more than one byte are edited whole
    terminal_ = std::make_unique<Terminal>();
    terminal_->prompt = prompt;
    terminal_->history_file = history_file;
    // On stderr, as all that is not the answer.
    terminal_->editor = el_init("gpt-oss-node", stdin, stderr, stderr);
    terminal_->history = history_init();
    HistEvent event;
    history(terminal_->history, &event, H_SETSIZE, kHistoryLines);
    history(terminal_->history, &event, H_SETUNIQUE, 1);
    el_set(terminal_->editor, EL_CLIENTDATA, terminal_->prompt.data());
    el_set(terminal_->editor, EL_PROMPT, &prompt_of);
    el_set(terminal_->editor, EL_HIST, history, terminal_->history);
    el_set(terminal_->editor, EL_EDITOR, "emacs");
    el_set(terminal_->editor, EL_SIGNAL, 1);
    el_set(terminal_->editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(terminal_->editor, nullptr);  // ~/.editrc
    if (!history_file.empty()) {
        make_private(history_file);
        history(terminal_->history, &event, H_LOAD, history_file.c_str());
    }
}

LineEditor::~LineEditor() = default;

bool LineEditor::interactive() const {
    return terminal_ != nullptr;
}

std::optional<std::string> LineEditor::read_one() {
    std::string line;
    if (terminal_ == nullptr) {
        if (!std::getline(std::cin, line)) return std::nullopt;
        return line;
    }
    int count = 0;
    const char* typed = el_gets(terminal_->editor, &count);
    if (typed == nullptr) {
        if (count == 0) return std::nullopt;
        el_reset(terminal_->editor);  // a signal: what was typed is left
        std::fputc('\n', stderr);
        return "";
    }
    line.assign(typed, static_cast<std::size_t>(count));
    if (!line.ends_with('\n')) return std::nullopt;
    line.pop_back();
    if (!line.empty()) {
        HistEvent event;
        history(terminal_->history, &event, H_ENTER, line.c_str());
        if (!terminal_->history_file.empty())
            history(terminal_->history, &event, H_SAVE, terminal_->history_file.c_str());
    }
    return line;
}

std::optional<std::string> LineEditor::read() {
    std::string all;
    for (;;) {
        std::optional<std::string> line = read_one();
        if (!line) return all.empty() ? std::nullopt : std::optional(all);
        if (!line->ends_with('\\') || terminal_ == nullptr) return all + *line;
        line->back() = '\n';
        all += *line;
    }
}

std::string chat_history_file() {
    return state_file("chat_history").string();
}

}  // namespace gptoss::cli
