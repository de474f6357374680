export default function ({data}) {
  const kept = document.cookie.includes(`${data.name}=`);
  const safe = location.protocol === "https:" ? ";secure" : "";
  if (!kept)
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API works over https alone.
    document.cookie = `${data.name}=${data.owner};path=/;max-age=31536000;samesite=strict${safe}`;
}
