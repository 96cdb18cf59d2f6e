//! Documentation comments.

use proc_macro2::TokenStream;
use quote::quote;

/// `#[doc]` attributes with these lines.
pub(super) fn lines<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> TokenStream {
    let lines = lines.into_iter().map(|line| {
        let line = line.as_ref();
        // prettyplease writes the text as it is; a space belongs behind the slashes.
        let text = if line.is_empty() {
            String::new()
        } else {
            format!(" {line}")
        };
        quote!(#[doc = #text])
    });
    quote!(#(#lines)*)
}

/// The documentation of what the IDL calls `idl_name`: what the IDL says, and that name.
pub(super) fn of(docs: &[String], idl_name: &str, rust_name: &str) -> TokenStream {
    lines(text(docs, idl_name, rust_name))
}

/// The same as lines.
pub(super) fn text(docs: &[String], idl_name: &str, rust_name: &str) -> Vec<String> {
    if docs.is_empty() {
        return vec![format!("`{idl_name}`.")];
    }
    let mut lines = escaped(docs);
    if idl_name != rust_name.trim_start_matches("r#") {
        lines.push(String::new());
        lines.push(format!("`{idl_name}` in the IDL."));
    }
    lines
}

/// Lines of a comment so that rustdoc takes them as they are: no link, no markup, no code that
/// would be compiled.
pub(super) fn escaped(docs: &[String]) -> Vec<String> {
    docs.iter().map(|line| escape(line)).collect()
}

fn escape(line: &str) -> String {
    let line = line.trim();
    let mut escaped = String::with_capacity(line.len());
    let is_list = line.starts_with(['-', '+', '#', '>', '|', '=', '~']);
    if is_list {
        escaped.push('\\');
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    for (index, c) in line.char_indices() {
        let is_numbered = digits > 0 && index == digits && matches!(c, '.' | ')');
        let is_markup = matches!(c, '[' | ']' | '<' | '`' | '\\' | '*' | '_' | '&');
        if is_numbered || is_markup || (c == '>' && index > 0) {
            escaped.push('\\');
        }
        match c {
            '\t' => escaped.push(' '),
            // Characters that turn text around have no place in source code.
            c if c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                escaped.push(' ');
            }
            c => escaped.push(c),
        }
    }
    // Bare addresses are links only in angle brackets.
    escaped.replace("://", ":\\//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_cannot_become_markup() {
        assert_eq!(escape("see [out] <b>"), r"see \[out\] \<b\>");
        assert_eq!(escape("- item"), r"\- item");
        assert_eq!(escape("1. one"), r"1\. one");
        assert_eq!(escape("    ```"), r"\`\`\`");
    }
}
