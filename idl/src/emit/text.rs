//! Tokens as text that a person can read.

use proc_macro2::TokenStream;

/// Formats items, with an empty line between those of more than a line.
pub(crate) fn format(items: TokenStream) -> Result<String, syn::Error> {
    let file = syn::parse2(items)?;
    Ok(spaced(&prettyplease::unparse(&file)))
}

/// prettyplease leaves no empty lines; this puts them where an item or method begins behind
/// another one.
fn spaced(code: &str) -> String {
    let mut spaced = String::with_capacity(code.len() + code.len() / 32);
    let mut previous = "";
    for line in code.lines() {
        let (text, before) = (line.trim_start(), previous.trim_start());
        let begins = text.starts_with("///")
            || text.starts_with("#[")
            || ["pub ", "fn ", "impl", "struct "]
                .iter()
                .any(|word| text.starts_with(word));
        let is_use = |line: &str| line.starts_with("use ");
        let ends = before == "}" || before.ends_with("};") || is_use(before);
        let is_impl = text.starts_with("impl");
        let is_statement = before.ends_with(';') && text.starts_with("///");
        if (begins && ends && !is_use(text)) || is_statement || is_impl {
            spaced.push('\n');
        }
        spaced.push_str(line);
        spaced.push('\n');
        previous = line;
    }
    spaced
}
