//! Names of the IDL as names of Rust.

use std::collections::HashSet;

use proc_macro2::{Ident, Span};

/// The words of a name: `TestCall2`, `LSA_HANDLE` and `rpc__mgmt` have two each.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in name.split(['_', '$']) {
        let chars: Vec<char> = part.chars().collect();
        let mut word = String::new();
        for (index, &c) in chars.iter().enumerate() {
            let previous = index.checked_sub(1).map(|previous| chars[previous]);
            let next = chars.get(index + 1);
            let starts = c.is_ascii_uppercase()
                && previous.is_some_and(|previous| {
                    !previous.is_ascii_uppercase() || next.is_some_and(char::is_ascii_lowercase)
                });
            if starts && !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            word.push(c.to_ascii_lowercase());
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

/// `test_call2`, for operations, fields and modules. It never has a capital, as a pattern that is
/// named like a constant or a tuple struct would mean that.
pub(crate) fn snake(name: &str) -> String {
    let name = words(name).join("_");
    match name.chars().next() {
        None => "unnamed".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{name}"),
        Some(_) => name,
    }
}

/// `TestCall2`, for types and variants. It has a capital.
pub(super) fn camel(name: &str) -> String {
    let capitalised = words(name).into_iter().map(|word| {
        let mut chars = word.chars();
        let first = chars.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(chars).collect()
    });
    // Digits that end a word and begin the next one would run together.
    let mut name = String::new();
    for word in capitalised.collect::<Vec<String>>() {
        let meet = name.ends_with(|c: char| c.is_ascii_digit())
            && word.starts_with(|c: char| c.is_ascii_digit());
        if meet {
            name.push('_');
        }
        name.push_str(&word);
    }
    match name.chars().next() {
        None => "Unnamed".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("N{name}"),
        Some(_) => name,
    }
}

/// `TEST_CALL2`, for constants. It has a capital.
pub(super) fn screaming(name: &str) -> String {
    let name = snake(name).to_ascii_uppercase();
    if name.contains(|c: char| c.is_ascii_uppercase()) {
        name
    } else {
        format!("N{name}")
    }
}

/// The identifier of a name, which may be a keyword of Rust.
pub(super) fn ident(name: &str) -> Ident {
    match name {
        "self" | "Self" | "super" | "crate" | "_" => {
            Ident::new(&format!("{name}_"), Span::call_site())
        }
        // `gen` became a keyword with the edition of 2024.
        "gen" => Ident::new_raw(name, Span::call_site()),
        _ if syn::parse_str::<Ident>(name).is_err() => Ident::new_raw(name, Span::call_site()),
        _ => Ident::new(name, Span::call_site()),
    }
}

/// The names that are taken in one scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    pub(super) fn with(taken: &[&str]) -> Self {
        Names {
            taken: taken.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// The name, or with a number behind it if it is taken; now it is.
    pub(super) fn take(&mut self, name: &str) -> String {
        self.take_family(name, &[""])
    }

    /// A name that is free with each of the endings; with all of them it is then taken.
    pub(super) fn take_family(&mut self, name: &str, endings: &[&str]) -> String {
        let mut number = 1u32;
        loop {
            let candidate = if number == 1 {
                name.to_owned()
            } else {
                format!("{name}{number}")
            };
            let members: Vec<String> = endings
                .iter()
                .map(|ending| format!("{candidate}{ending}"))
                .collect();
            if !members.iter().any(|member| self.taken.contains(member)) {
                self.taken.extend(members);
                return candidate;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_the_case_says_so() {
        for (idl, expected) in [
            ("TestCall2", "test_call2"),
            ("rpc__mgmt_inq_if_ids", "rpc_mgmt_inq_if_ids"),
            ("LSA_HANDLE", "lsa_handle"),
            ("hBinding", "h_binding"),
            ("RPCServerName", "rpc_server_name"),
            ("pcbData", "pcb_data"),
            ("_1st", "_1st"),
            ("__", "unnamed"),
        ] {
            assert_eq!(snake(idl), expected, "{idl}");
        }
        assert_eq!(camel("LSAPR_ACCOUNT_ENUM"), "LsaprAccountEnum");
        assert_eq!(camel("level_1_2"), "Level1_2");
        assert_eq!(screaming("AddOne"), "ADD_ONE");
        for (idl, type_name, constant) in [
            ("_1st", "N1st", "_1ST"),
            ("_1", "N1", "N_1"),
            ("__", "Unnamed", "UNNAMED"),
        ] {
            assert_eq!(
                (camel(idl), screaming(idl)),
                (type_name.into(), constant.into())
            );
        }
    }

    #[test]
    fn keywords_are_escaped() {
        assert_eq!(ident("type").to_string(), "r#type");
        assert_eq!(ident("self").to_string(), "self_");
        assert_eq!(ident("gen").to_string(), "r#gen");
        assert_eq!(ident("name").to_string(), "name");
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let mut names = Names::with(&["Status"]);
        assert_eq!(names.take("Status"), "Status2");
        assert_eq!(names.take("Status"), "Status3");
        assert_eq!(names.take_family("wait", &["", "_future"]), "wait");
        assert_eq!(names.take("wait_future"), "wait_future2");
    }
}
