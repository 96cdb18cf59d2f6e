//! The client stub.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::fields::{Borrow, FieldCode};
use super::pipes::Pipes;
use super::plan::Plan;
use super::{Generator, docs};

impl Generator<'_> {
    /// The client struct with three methods for each operation.
    pub(super) fn client(&self, client: &Ident, interface: &str, plans: &[Plan]) -> TokenStream {
        let operations = plans.iter().filter(|plan| plan.has_client).map(operation);
        let mut about = vec![
            format!("Calls `{interface}`."),
            String::new(),
            "Each operation has three forms: it blocks, it is a future (`…_future`), or it"
                .to_owned(),
            "completes a [handle](::annulus::AsyncHandle) (`…_async`).".to_owned(),
        ];
        if plans.iter().any(|plan| plan.pipes.is_some()) {
            about.push(
                "One with pipes has two, and each gives the client's ends of them.".to_owned(),
            );
        }
        let about = docs::lines(about);
        // The server's contexts run down with the client's last connection.
        let keeps = plans
            .iter()
            .any(|plan| !plan.contexts.is_empty())
            .then(|| quote!(binding.keep_connected();));
        quote! {
            #about
            #[derive(Clone, Debug)]
            pub struct #client {
                binding: Binding,
            }

            impl #client {
                /// A client that calls through `binding`, which is one to [`INTERFACE`].
                #[must_use]
                pub fn new(binding: Binding) -> Self {
                    #keeps
                    Self { binding }
                }

                #(#operations)*
            }
        }
    }
}

/// The form of a `[maybe]` operation; there is nothing to wait for.
fn maybe_operation(plan: &Plan) -> TokenStream {
    let (name, opnum) = (&plan.blocking, &plan.opnum_ident);
    let arguments = plan.arguments().map(argument);
    let (request, request_ref) = request(plan);
    let mut text = docs::text(&plan.docs, &plan.idl_name, &name.to_string());
    text.extend([
        String::new(),
        "`[maybe]`: is sent and not answered, nor is it told whether it arrived.".to_owned(),
    ]);
    let docs = docs::lines(text);
    quote! {
        #docs
        ///
        /// # Errors
        ///
        /// The call cannot be made.
        pub fn #name(&self, #(#arguments),*) -> Result<(), Status> {
            #request
            self.binding.call_maybe(#opnum, #request_ref)
        }
    }
}

fn operation(plan: &Plan) -> TokenStream {
    if plan.is_maybe {
        return maybe_operation(plan);
    }
    if let Some(pipes) = &plan.pipes {
        return piped_operation(plan, pipes);
    }
    let (blocking, future, handle) = (&plan.blocking, &plan.future, &plan.handle);
    let opnum = &plan.opnum_ident;
    let arguments: Vec<_> = plan.arguments().map(argument).collect();
    let (request, request_ref) = request(plan);
    let (response, output) = (plan.response_type(), plan.output());
    let call = quote!(self.binding.call_blocking(#opnum, #request_ref));
    let wait = match plan.only_output() {
        Some(FieldCode { ident, .. }) => quote! {
            let #response { #ident } = #call?;
            Ok(#ident)
        },
        None => call,
    };
    let handle_argument = free_name("handle", &plan.argument_names());
    let text = docs::text(&plan.docs, &plan.idl_name, &blocking.to_string());
    let docs = |last: &str| {
        let mut lines = text.clone();
        lines.extend([String::new(), last.to_owned()]);
        docs::lines(lines)
    };
    let (blocks, awaited, handled) = (
        docs("Blocks until the reply is there."),
        docs("`.await` it."),
        docs(&format!("`{handle_argument}` receives the outcome.")),
    );
    quote! {
        #blocks
        ///
        /// # Errors
        ///
        /// The status with which the call ended.
        pub fn #blocking(&self, #(#arguments),*) -> Result<#output, Status> {
            #request
            #wait
        }

        #awaited
        pub fn #future(&self, #(#arguments),*) -> Call<#response> {
            #request
            self.binding.call(#opnum, #request_ref)
        }

        #handled
        ///
        /// # Errors
        ///
        /// The call cannot be made; then no notification comes.
        pub fn #handle(
            &self,
            #handle_argument: &mut AsyncHandle<#response>,
            #(#arguments),*
        ) -> Result<(), Status> {
            #request
            self.binding.call_async(#handle_argument, #opnum, #request_ref)
        }
    }
}

/// The forms of an operation with pipes: what is returned are its ends of them.
fn piped_operation(plan: &Plan, pipes: &Pipes) -> TokenStream {
    let (name, handle, opnum) = (&plan.blocking, &plan.handle, &plan.opnum_ident);
    let (response, ends, shape) = (plan.response_type(), &pipes.ends, &pipes.shape);
    let arguments: Vec<_> = plan.arguments().map(argument).collect();
    let names: Vec<_> = plan.arguments().map(|field| &field.ident).collect();
    let handle_argument = free_name("handle", &names);
    let (call_name, pipes_name) = (free_name("call", &names), free_name("pipes", &names));
    let (request, request_ref) = request(plan);
    let taken = pipes.client_ends(&pipes_name);
    let text = docs::text(&plan.docs, &plan.idl_name, &name.to_string());
    let docs = |last: &[String]| {
        let mut lines = text.clone();
        lines.push(String::new());
        lines.extend_from_slice(last);
        docs::lines(lines)
    };
    let waits = docs(&[
        "Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or".to_owned(),
        "`.await` it.".to_owned(),
    ]);
    let handled = docs(&[
        format!("Begins the call, whose outcome `{handle_argument}` receives, and with it what is"),
        "told of the pipes.".to_owned(),
    ]);
    quote! {
        #waits
        ///
        /// # Errors
        ///
        /// The call cannot be made.
        pub fn #name(&self, #(#arguments),*) -> Result<(Call<#response>, #ends), Status> {
            #request
            let (#call_name, #pipes_name) =
                self.binding.call_with_pipes(#opnum, #request_ref, #shape)?;
            Ok((#call_name, #taken))
        }

        #handled
        ///
        /// # Errors
        ///
        /// The call cannot be made; then no notification comes.
        pub fn #handle(
            &self,
            #handle_argument: &mut AsyncHandle<#response>,
            #(#arguments),*
        ) -> Result<#ends, Status> {
            #request
            let #pipes_name = self.binding.call_async_with_pipes(
                #handle_argument,
                #opnum,
                #request_ref,
                #shape,
            )?;
            Ok(#taken)
        }
    }
}

/// A name that no argument has.
pub(super) fn free_name(wanted: &str, arguments: &[&Ident]) -> Ident {
    let mut name = format_ident!("{wanted}");
    while arguments.iter().any(|argument| **argument == name) {
        name = format_ident!("{name}_");
    }
    name
}

/// A parameter of a client method.
fn argument(field: &FieldCode) -> TokenStream {
    let (name, ty) = (&field.ident, &field.ty);
    let borrowed = match field.borrow {
        Borrow::Nothing => return quote!(#name: #ty),
        Borrow::Bytes => quote!(&[u8]),
        Borrow::Utf16 => quote!(&str),
    };
    if field.is_optional {
        quote!(#name: Option<#borrowed>)
    } else {
        quote!(#name: #borrowed)
    }
}

/// A statement that builds the request, and the reference to it.
fn request(plan: &Plan) -> (TokenStream, TokenStream) {
    let Some(request) = &plan.request else {
        return (TokenStream::new(), quote!(&()));
    };
    // A length that is taken from its array comes before the array is moved.
    let (lengths, others): (Vec<_>, Vec<_>) = request
        .fields
        .iter()
        .partition(|field| request.elided_as(&field.ident).is_some());
    let members = lengths.into_iter().chain(others).map(|field| {
        let name = &field.ident;
        if let Some(elided) = request.elided_as(name) {
            let (array, ty) = (&elided.array, &elided.ty);
            // What is longer than the length can say is refused when it is encoded.
            return quote!(#name: #ty::try_from(#array.len()).unwrap_or(#ty::MAX));
        }
        match (field.borrow, field.is_optional) {
            (Borrow::Utf16, false) => quote!(#name: #name.into()),
            (Borrow::Utf16, true) => quote!(#name: #name.map(Into::into)),
            _ => quote!(#name),
        }
    });
    let ident = &request.ident;
    let names: Vec<_> = request.fields.iter().map(|field| &field.ident).collect();
    let variable = free_name("request", &names);
    (
        quote!(let #variable = #ident { #(#members),* };),
        quote!(&#variable),
    )
}
