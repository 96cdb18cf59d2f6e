//! From a model to Rust.

mod async_server;
mod client;
mod contexts;
mod docs;
mod fields;
mod given;
mod graph;
mod names;
mod pipes;
mod plan;
mod scalars;
mod server;
mod shapes;
mod text;
mod types;

use std::collections::HashSet;

use proc_macro2::{Ident, Literal, TokenStream, TokenTree};
use quote::quote;

use self::graph::Graph;
use self::names::Names;
use self::server::ServerNames;
use crate::diagnostic::Reports;
use crate::model::{Interface, Model, TypeId};

pub(crate) use self::names::snake as module_name;
pub(crate) use self::text::format;

/// What of an interface is generated, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) client: bool,
    pub(crate) server: bool,
    /// Also the trait of async manager routines.
    pub(crate) async_managers: bool,
    /// Arrays that are not borrowed are of types that share their content.
    pub(crate) shared_arrays: bool,
    /// Further derives of every type: paths.
    pub(crate) derives: Vec<String>,
}

/// Names that generated code uses itself.
const TAKEN: &[&str] = &[
    "Vec",
    "String",
    "Option",
    "Box",
    "Result",
    "Ok",
    "Err",
    "Some",
    "None",
    "Send",
    "Sync",
    "Clone",
    "Copy",
    "Debug",
    "PartialEq",
    "Eq",
    "Hash",
    "Into",
    "TryFrom",
    "Default",
    "Cow",
    "Ndr",
    "NdrParams",
    "Utf16Str",
    "Uuid",
    "ContextHandle",
    "Binding",
    "Call",
    "AsyncContext",
    "AsyncHandle",
    "CallContext",
    "Dispatch",
    "Interface",
    "Full",
    "ArraySection",
    "Gives",
    "Params",
    "PipeShape",
    "PullPipe",
    "PushPipe",
    "ServerCall",
    "Status",
    "SyntaxId",
    "Self",
    "M",
    "INTERFACE",
    "OPERATION_COUNT",
    "ENDPOINTS",
];

/// What generated code imports, if it uses it: from where, and what.
const IMPORTS: &[(&str, &[&str])] = &[
    (
        "::annulus",
        &[
            "AsyncContext",
            "AsyncHandle",
            "Binding",
            "Call",
            "CallContext",
            "Dispatch",
            "Interface",
            "PipeShape",
            "PullPipe",
            "PushPipe",
            "ServerCall",
            "Status",
            "SyntaxId",
            "Uuid",
        ],
    ),
    (
        "::annulus::ndr",
        &[
            "ContextHandle",
            "Ndr",
            "NdrParams",
            "Utf16Str",
            "Full",
            "ArraySection",
            "Gives",
            "Params",
        ],
    ),
];

/// The items of a file, unformatted. What cannot be generated is reported.
pub(crate) fn generate(model: &Model, options: &Options, reports: &mut Reports) -> TokenStream {
    let graph = Graph::new(model);
    let mut names = Names::with(TAKEN);
    let definitions = model.definitions.iter().enumerate();
    let idents: Vec<_> = definitions
        .map(|(index, definition)| {
            // Only what is written takes its name away from others.
            if graph.is_wanted(TypeId(index)) {
                names.take(&names::camel(&definition.name))
            } else {
                String::from("Unwanted")
            }
        })
        .collect();
    let idents = idents.iter().map(|name| names::ident(name)).collect();
    let derives = options
        .derives
        .iter()
        .filter_map(|path| path.parse::<TokenStream>().ok())
        .collect();
    let mut generator = Generator {
        model,
        options,
        graph,
        reports,
        names,
        idents,
        derives,
    };
    let constants = generator.constants();
    let definitions = generator.definitions();
    let interfaces = generator.interfaces();
    let items = quote!(#constants #definitions #interfaces);
    let imports = imports(&items);
    quote!(#imports #items)
}

struct Generator<'m> {
    model: &'m Model,
    options: &'m Options,
    graph: Graph,
    reports: &'m mut Reports,
    /// The names of the file's types and constants.
    names: Names,
    /// The names of the definitions, by [`TypeId`].
    idents: Vec<Ident>,
    derives: Vec<TokenStream>,
}

impl Generator<'_> {
    fn definition_ident(&self, id: TypeId) -> &Ident {
        &self.idents[id.0]
    }

    /// What follows the derives that every type has.
    fn more_derives(&self) -> TokenStream {
        let derives = &self.derives;
        quote!(#(, #derives)*)
    }

    /// One interface stands for itself; several have a module each.
    fn interfaces(&mut self) -> TokenStream {
        let model = self.model;
        if let [only] = &model.interfaces[..] {
            return self.interface(only);
        }
        let file_names = self.names.clone();
        let mut modules = Names::default();
        let interfaces: Vec<_> = model
            .interfaces
            .iter()
            .map(|interface| {
                self.names = file_names.clone();
                let items = self.interface(interface);
                let module = names::ident(&modules.take(&names::snake(&interface.name)));
                let docs = docs::of(&interface.docs, &interface.name, &module.to_string());
                quote! {
                    #docs
                    pub mod #module {
                        use super::*;

                        #items
                    }
                }
            })
            .collect();
        quote!(#(#interfaces)*)
    }

    fn interface(&mut self, interface: &Interface) -> TokenStream {
        let name = interface.name.as_str();
        let camel = names::camel(name);
        let manager = names::ident(&self.names.take(&camel));
        let client = names::ident(&self.names.take(&format!("{camel}Client")));
        let stub = names::ident(&self.names.take("Stub"));
        let has_async = self.options.server && self.options.async_managers;
        let async_names = has_async.then(|| ServerNames {
            manager: names::ident(&self.names.take(&format!("{camel}Async"))),
            stub: names::ident(&self.names.take("StubAsync")),
        });
        // `new` makes a client.
        let mut methods = Names::with(&["new"]);
        let plans = self.plans(&interface.operations, &mut methods);

        let uuid = Literal::u128_unsuffixed(interface.uuid);
        let uuid = hexadecimal(interface.uuid).unwrap_or_else(|| quote!(#uuid));
        let (major, minor) = interface.version;
        let (major, minor) = (
            Literal::u16_unsuffixed(major),
            Literal::u16_unsuffixed(minor),
        );
        let count = Literal::usize_unsuffixed(plans.len());
        let endpoints = &interface.endpoints;
        let endpoints = (!endpoints.is_empty()).then(|| {
            quote! {
                /// Where the IDL says that the server listens.
                pub const ENDPOINTS: &[&str] = &[#(#endpoints),*];
            }
        });
        let opnums = plans.iter().map(|plan| {
            let ident = &plan.opnum_ident;
            let number = Literal::u16_unsuffixed(plan.opnum);
            let docs = docs::lines([format!("Operation number of `{}`.", plan.idl_name)]);
            quote!(#docs pub const #ident: u16 = #number;)
        });
        let params = plans.iter().map(|plan| self.params_items(plan));
        let client = self
            .options
            .client
            .then(|| self.client(&client, name, &plans));
        let names = ServerNames { manager, stub };
        let server = self
            .options
            .server
            .then(|| self.server(&names, interface, &plans));
        let async_server = async_names.map(|names| self.async_server(&names, interface, &plans));
        quote! {
            /// The interface's UUID and version.
            pub const INTERFACE: SyntaxId =
                SyntaxId::new(Uuid::from_u128(#uuid), #major, #minor);
            #endpoints
            #(#opnums)*
            /// How many operations the interface has.
            pub const OPERATION_COUNT: u16 = #count;
            #(#params)*
            #client
            #server
            #async_server
        }
    }
}

/// A UUID as a person reads one.
fn hexadecimal(uuid: u128) -> Option<TokenStream> {
    let digits = format!("{uuid:032x}");
    let groups: Vec<_> = (0..8)
        .map(|group| &digits[group * 4..group * 4 + 4])
        .collect();
    format!("0x{}", groups.join("_")).parse().ok()
}

/// `use` declarations for what the items use.
fn imports(items: &TokenStream) -> TokenStream {
    let mut used = HashSet::new();
    collect_idents(items.clone(), &mut used);
    let mut imports = TokenStream::new();
    if used.contains("Cow") {
        imports.extend(quote!(
            use ::std::borrow::Cow;
        ));
    }
    for (path, names) in IMPORTS {
        let names: Vec<_> = names
            .iter()
            .filter(|name| used.contains(**name))
            .map(|name| names::ident(name))
            .collect();
        let path: Option<TokenStream> = path.parse().ok();
        if !names.is_empty() {
            imports.extend(quote!(use #path::{#(#names),*};));
        }
    }
    imports
}

fn collect_idents(tokens: TokenStream, used: &mut HashSet<String>) {
    let mut is_enum = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                is_enum |= ident == "enum";
                used.insert(ident.to_string());
            }
            TokenTree::Group(group) if std::mem::take(&mut is_enum) => {
                // The names of variants use nothing; what they hold may.
                let groups = group.stream().into_iter();
                let groups = groups.filter(|token| matches!(token, TokenTree::Group(_)));
                collect_idents(groups.collect(), used);
            }
            TokenTree::Group(group) => collect_idents(group.stream(), used),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
