//! What the in-parameters of an operation tell about its out-parameters: counts and discriminants
//! that the reply does not have itself.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::client::free_name;
use super::docs;
use super::plan::{Params, Plan};

/// The in-parameters that tell something, ready to be written.
pub(super) struct Given {
    /// The struct.
    pub(super) ident: Ident,
    /// The fields: those of the request of the same names, of types that are `Copy`.
    pub(super) fields: Vec<(Ident, TokenStream)>,
}

impl Given {
    pub(super) fn has(&self, field: &Ident) -> bool {
        self.fields.iter().any(|(known, _)| known == field)
    }

    /// The struct, and how the request makes it.
    pub(super) fn items(&self, name: &str, request: &Params) -> TokenStream {
        let Given { ident, fields } = self;
        let docs = docs::lines([format!(
            "`{name}`: what its in-parameters tell about its out-parameters."
        )]);
        let members = fields.iter().map(|(name, ty)| {
            let docs = docs::lines([format!("As in [`{}`].", request.ident)]);
            quote!(#docs pub #name: #ty)
        });
        let values = fields.iter().map(|(name, _)| quote!(#name: self.#name));
        let owner = &request.ident;
        let lifetime = request.borrows().then(|| quote!(<'_>));
        quote! {
            #docs
            #[derive(Clone, Copy, Debug)]
            pub struct #ident { #(#members),* }

            impl Gives<#ident> for #owner #lifetime {
                fn given(&self) -> #ident {
                    #ident { #(#values),* }
                }
            }
        }
    }
}

/// The server's variable for it, and the statement that makes it of the request's fields.
pub(super) fn statement(plan: &Plan) -> Option<(Ident, TokenStream)> {
    let Given { ident, fields } = plan.given.as_ref()?;
    // An out-parameter that is the only one has a variable as well.
    let mut names = plan.argument_names();
    names.extend(plan.only_output().map(|output| &output.ident));
    let variable = free_name("given", &names);
    let told = fields.iter().map(|(name, _)| name);
    let statement = quote!(let #variable = #ident { #(#told),* };);
    Some((variable, statement))
}

/// Out-parameters as they are replied.
pub(super) fn replied(params: TokenStream, given: Option<&Ident>) -> TokenStream {
    match given {
        Some(given) => quote!(Params::with_given(#params, #given)),
        None => params,
    }
}
